"""Run a PostgreSQL server, for tests of what only a database with row locks does."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tools.minio_server import READY_TIMEOUT, ServerUnavailable, free_port
from tools.processes import Command, SourceFailed, ended, on_path, one_line, output_of, started

# Where distributions keep what they leave off PATH; the highest version first.
_PLACES = "/usr/lib/postgresql/*/bin"
# Its programs refuse to run as root.
_UNPRIVILEGED = "nobody"
_READY = b"ready to accept connections"


@dataclass(frozen=True)
class Database:
    """A server on loopback and its superuser, who may make databases."""

    port: int
    password: str
    host: str = "127.0.0.1"
    user: str = "tests"


@contextmanager
def running() -> Iterator[Database]:
    """Run a server with a temporary folder. Raises ServerUnavailable when that cannot be had."""
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as scratch:
        database = Database(free_port(), secrets.token_hex(16))
        data, log = Path(scratch, "data"), Path(scratch, "log")
        try:
            command = _initialised(Path(scratch), data, database)
        except (SourceFailed, OSError, subprocess.SubprocessError) as error:
            raise ServerUnavailable(f"PostgreSQL: {error}") from error
        with started(command, env=os.environ, log=log) as process:
            if not _becomes_ready(process, log):
                raise ServerUnavailable(f"PostgreSQL: {one_line(log.read_bytes())}")
            yield database


def _initialised(scratch: Path, data: Path, database: Database) -> Command:
    """Make the data folder, and return the command that serves it."""
    password = scratch / "password"
    password.write_text(database.password)
    if os.geteuid() == 0:
        for path in (scratch, password):
            shutil.chown(path, _UNPRIVILEGED)
    init: list[str | Path] = [
        _binary("initdb"),
        "--pgdata",
        data,
        "--username",
        database.user,
        "--no-sync",
    ]
    init += ["--auth", "scram-sha-256", "--pwfile", password, "--encoding", "UTF8", "--locale", "C"]
    output_of([*_unprivileged(), *init], timeout=60)
    serve: list[str | Path] = [
        _binary("postgres"),
        "-D",
        data,
        "-h",
        database.host,
        "-p",
        str(database.port),
    ]
    return [*_unprivileged(), *serve, "-k", scratch, "-c", "fsync=off"]


def _unprivileged() -> Command:
    if os.geteuid() != 0:
        return []
    group = str(pwd.getpwnam(_UNPRIVILEGED).pw_gid)
    # Another user's process loses the tie to ours, and is given one anew.
    ids = ["--reuid", _UNPRIVILEGED, "--regid", group, "--clear-groups", "--pdeathsig", "TERM"]
    return [on_path("setpriv"), *ids]


def _binary(name: str) -> Path:
    with suppress(SourceFailed):
        return on_path(name)
    folder, _, pattern = _PLACES.partition("*")
    for found in sorted(Path(folder).glob(f"*{pattern}/{name}"), reverse=True):
        return found
    raise SourceFailed(f"no `{name}` on PATH or in {_PLACES}")


def _becomes_ready(process: subprocess.Popen[bytes], log: Path) -> bool:
    deadline = time.monotonic() + READY_TIMEOUT
    while time.monotonic() < deadline and not ended(process, within=0.05):
        if _READY in log.read_bytes():
            return True
    return False
