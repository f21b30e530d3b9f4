"""The contenders: each in an environment and a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.cache import cache_folder
from tools.minio_server import Server
from tools.processes import say

ROOT = Path(__file__).parents[1]
WORKER = Path(__file__).with_name("worker.py")
BASELINE = "django-minio-backend"
OURS = "ours"
#: The bare SDK, by which the CPU of the client is compared.
SDK = "minio-py"
#: Python's own HTTP client with links that were signed before: nobody does less.
FLOOR = "signed http.client"
#: The packages that pip installs for each. Ours is the checkout.
REQUIREMENTS = {
    OURS: [str(ROOT)],
    SDK: ["minio==7.2.20"],
    BASELINE: ["django-minio-backend==4.5.0"],
    "django-storages": ["django-storages==1.14.6", "boto3==1.44.*"],
    "django-minio-storage": ["django-minio-storage==0.6.0"],
    "obstore": ["obstore==0.8.*"],
    FLOOR: ["minio==7.2.20"],
    "collectfasta": ["collectfasta==3.3.*", "django-storages==1.14.6", "boto3==1.44.*"],
}


#: Contenders whose requests cannot be seen from Python.
UNCOUNTED = frozenset({"obstore"})


def environment(name: str) -> Path:
    """Return the Python of a contender's environment, made where it is not there yet."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = cache_folder() / "benchmarks" / f"{name}-{version}"
    python = folder / "bin" / "python"
    stamp = folder / "requirements.json"
    wanted = json.dumps(["django", *REQUIREMENTS[name]])
    if name != OURS and stamp.is_file() and stamp.read_text() == wanted:
        return python
    say(f"{name}: making its environment")
    if not python.exists():
        venv.create(folder, with_pip=True, symlinks=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "django", *REQUIREMENTS[name]], check=True)
    stamp.write_text(wanted)
    return python


@dataclass
class Contender:
    """A running worker, which does one thing at a time."""

    name: str
    python: Path
    env: Mapping[str, str] = field(repr=False)
    _process: subprocess.Popen[str]
    workloads: frozenset[str] = frozenset()

    def measure(self, workload: str, count: int) -> dict[str, float]:
        """Return the seconds, CPU seconds, requests and peak bytes of `count` times `workload`."""
        assert self._process.stdin
        print(json.dumps({"workload": workload, "count": count}), file=self._process.stdin)
        self._process.stdin.flush()
        found: dict[str, float] = self.answer()
        return found

    def answer(self) -> Any:
        assert self._process.stdout
        if not (line := self._process.stdout.readline()):
            raise RuntimeError(f"{self.name} ended with code {self._process.wait()}")
        return json.loads(line)

    @property
    def static_bucket(self) -> str:
        return self.env["BENCH_STATIC"]

    def start(self) -> float:
        """Return the seconds from starting a process to its first answered call."""
        began = time.perf_counter()
        command: list[str | Path] = [self.python, WORKER, self.name, "start"]
        with subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE) as process:
            assert process.stdout
            if not process.stdout.readline():
                raise RuntimeError(f"{self.name} did not start")
            return time.perf_counter() - began


@contextmanager
def running(
    name: str, python: Path, server: Server, what: Mapping[str, str]
) -> Iterator[Contender]:
    env = {
        **os.environ,
        "BENCH_ENDPOINT": server.endpoint,
        "BENCH_ACCESS_KEY": server.access_key,
        "BENCH_SECRET_KEY": server.secret_key,
        "BENCH_STATIC": f"bench-static-{name}",
        **what,
    }
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([python, WORKER, name], env=env, **pipes) as process:
        try:
            contender = Contender(name, python, env, process)
            contender.workloads = frozenset(contender.answer())
            yield contender
        finally:
            process.terminate()
