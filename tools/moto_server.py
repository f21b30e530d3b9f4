"""Run moto's server: it stands in for Amazon's own answers. It checks no signatures."""

from __future__ import annotations

import os
import subprocess
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.cache import cache_folder, only_builder
from tools.minio_server import Server, ServerUnavailable, free_port
from tools.processes import started
from tools.versitygw import becomes_ready

VERSION = "5.1.17"


@contextmanager
def running() -> Iterator[Server]:
    """Run a server in memory. Raises ServerUnavailable if it cannot be installed."""
    binary = _binary()
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="moto-") as scratch:
        log = Path(scratch, "log")
        command: list[str | Path] = [binary, "-H", "127.0.0.1", "-p", str(port)]
        with started(command, env=dict(os.environ), log=log) as process:
            endpoint = f"127.0.0.1:{port}"
            if not becomes_ready(process, endpoint):
                raise ServerUnavailable(f"moto does not start: {log.read_text()[-300:]}")
            yield Server(endpoint, "any-key", "any-secret", False, str(binary), "moto")


def _binary() -> Path:
    folder = cache_folder() / "moto-server"
    binary, stamp = folder / "bin" / "moto_server", folder / VERSION
    with only_builder("moto", "installing moto"):
        if not stamp.exists():
            venv.create(folder, with_pip=True, symlinks=True, clear=True)
            pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
            try:
                subprocess.run([*pip, f"moto[server]=={VERSION}"], check=True)
            except subprocess.CalledProcessError as error:
                raise ServerUnavailable(f"moto cannot be installed: {error}") from error
            stamp.touch()
    return binary
