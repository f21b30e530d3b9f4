"""Run a Garage server of one node, with a key that may create buckets.

It is built with cargo, once per machine. This takes too long for the tests of each change.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tools.cache import cache_folder, only_builder
from tools.go_build import FindBinary
from tools.minio_server import Server, ServerUnavailable, free_ports
from tools.processes import SourceFailed, long_run, on_path, one_line, output_of, started
from tools.versitygw import becomes_ready, find_binary

VERSION = "2.5.0"
BUILD_SECONDS = 720

_CONFIGURATION = """\
metadata_dir = "{folder}/meta"
data_dir = "{folder}/data"
db_engine = "lmdb"
replication_factor = 1
rpc_bind_addr = "127.0.0.1:{rpc_port}"
rpc_public_addr = "127.0.0.1:{rpc_port}"
rpc_secret = "{rpc_secret}"
[s3_api]
s3_region = "us-east-1"
api_bind_addr = "{endpoint}"
"""


@contextmanager
def running() -> Iterator[Server]:
    """Run a server with a temporary folder. Raises ServerUnavailable when there is no binary."""
    program = find_binary(_list_binaries())
    s3_port, rpc_port = free_ports(2)
    access_key, secret_key = f"GK{secrets.token_hex(12)}", secrets.token_hex(32)
    server = Server(f"127.0.0.1:{s3_port}", access_key, secret_key, False, str(program), "Garage")
    with tempfile.TemporaryDirectory(prefix="garage-", ignore_cleanup_errors=True) as scratch:
        configuration, log = Path(scratch, "garage.toml"), Path(scratch, "log")
        _write_configuration(configuration, server, rpc_port)
        command: list[str | Path] = [program, "-c", configuration, "server"]
        command += ["--single-node", "--default-access-key"]
        with started(command, env=_make_environment(server, scratch), log=log) as process:
            if not becomes_ready(process, server.endpoint):
                raise ServerUnavailable(f"Garage does not start: {one_line(log.read_bytes())}")
            yield server


def _write_configuration(path: Path, server: Server, rpc_port: int) -> None:
    path.write_text(
        _CONFIGURATION.format(
            folder=path.parent,
            endpoint=server.endpoint,
            rpc_port=rpc_port,
            rpc_secret=secrets.token_hex(32),
        )
    )


def _make_environment(server: Server, scratch: str) -> dict[str, str]:
    """Return nothing of ours: GARAGE_CONFIG_FILE may name another server's folder."""
    return {
        "HOME": scratch,
        "PATH": os.environ.get("PATH", ""),
        "TMPDIR": scratch,
        "GARAGE_DEFAULT_ACCESS_KEY": server.access_key,
        "GARAGE_DEFAULT_SECRET_KEY": server.secret_key,
    }


def _list_binaries() -> list[tuple[str, FindBinary]]:
    return [
        ("garage on PATH", lambda: _check(on_path("garage"))),
        ("cached build", _find_cached),
        ("build with cargo", _build),
    ]


def _find_cached() -> Path:
    path = _cache_path()
    if not path.exists():
        raise SourceFailed("not built yet")
    return _check(path)


def _build() -> Path:
    cargo = on_path("cargo")
    path = _cache_path()
    with only_builder("garage", "building Garage") as work:
        with suppress(SourceFailed, OSError, subprocess.SubprocessError):
            return _find_cached()  # another process built it while we waited
        install = [str(cargo), "install", "garage", "--version", VERSION, "--locked"]
        install += ["--root", str(work), "--target-dir", str(work / "target")]
        log = work / "build.log"
        long_run("building Garage", install, env=os.environ, log=log, seconds=BUILD_SECONDS)
        path.parent.mkdir(parents=True, exist_ok=True)
        # A reader sees the whole binary or none.
        os.replace(_check(work / "bin" / "garage"), path)
        return path


def _cache_path() -> Path:
    return cache_folder() / f"garage-{VERSION}" / "garage"


def _check(program: Path) -> Path:
    """Return a program that says it is Garage. Other programs have this name too."""
    if not output_of([program, "--version"]).startswith("garage "):
        raise SourceFailed(f"{program} does not say that it is Garage")
    return program
