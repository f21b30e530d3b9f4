"""Run a VersityGW server: S3 by somebody else, which tests hold the package to as well."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tools.go_build import VERSITYGW, FindBinary
from tools.minio_server import READY_TIMEOUT, Server, ServerUnavailable, free_port
from tools.processes import SourceFailed, ended, one_line, output_of, started


@contextmanager
def running() -> Iterator[Server]:
    """Run a server with a temporary folder. Raises ServerUnavailable when there is no binary."""
    program = binary()
    access_key, secret_key = secrets.token_hex(8), secrets.token_hex(16)
    env = {**os.environ, "ROOT_ACCESS_KEY": access_key, "ROOT_SECRET_KEY": secret_key}
    with tempfile.TemporaryDirectory(prefix="versitygw-", ignore_cleanup_errors=True) as scratch:
        folders = {name: Path(scratch, name) for name in ("data", "iam")}
        for folder in folders.values():
            folder.mkdir()
        endpoint, log = f"127.0.0.1:{free_port()}", Path(scratch, "log")
        command: list[str | Path] = [program, "--quiet", "--keep-alive", "--port", endpoint]
        command += ["--iam-dir", folders["iam"], "posix", folders["data"]]
        with started(command, env=env, log=log) as process:
            if not becomes_ready(process, endpoint):
                raise ServerUnavailable(f"VersityGW does not start: {one_line(log.read_bytes())}")
            yield Server(endpoint, access_key, secret_key, False, str(program), "VersityGW")


def add_user(server: Server, role: str = "userplus") -> dict[str, str]:
    """Create a user who owns nothing; return the options that are theirs.

    A "userplus" may create buckets, a "user" may not.
    """
    access_key, secret_key = secrets.token_hex(8), secrets.token_hex(16)
    admin: list[str | Path] = [binary(), "admin", "--endpoint-url", server.url]
    admin += ["--access", server.access_key, "--secret", server.secret_key]
    user = ["--access", access_key, "--secret", secret_key, "--role", role]
    output_of([*admin, "create-user", *user])
    return {"MINIO_ACCESS_KEY": access_key, "MINIO_SECRET_KEY": secret_key}


def binary() -> Path:
    """Return a program that runs. Raises ServerUnavailable if there is none."""
    return find_binary([*VERSITYGW.found(), *VERSITYGW.built()])


def find_binary(sources: Iterable[tuple[str, FindBinary]]) -> Path:
    """Return the first binary that works. Raises ServerUnavailable with each source's reason."""
    reasons = []
    for name, find in sources:
        try:
            return find()
        except (SourceFailed, OSError, subprocess.SubprocessError) as error:
            reasons.append(f"{name}: {error}")
    raise ServerUnavailable("; ".join(reasons))


def becomes_ready(process: subprocess.Popen[bytes], endpoint: str) -> bool:
    host, _, port = endpoint.partition(":")
    deadline = time.monotonic() + READY_TIMEOUT
    while time.monotonic() < deadline and not ended(process, within=0.05):
        with suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
            return True
    return False
