"""`make soak MINUTES=10`: servers of sites under load, with no error and no growth.

Memory, threads and open files of each worker are compared: those after a third of the time with
those at its end.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import django
import urllib3

from tools.minio_server import Server, free_port, running
from tools.processes import say

ROOT = Path(__file__).parents[2]
GUNICORN = ["-m", "gunicorn", "tests.soak.site:wsgi", "--bind", "127.0.0.1:{port}", "-w", "2"]
#: How each server is started.
SERVERS = {
    "gunicorn, threads, preloaded and forked": [
        *GUNICORN, "-k", "gthread", "--threads", "4", "--preload",
    ],
    "gunicorn, gevent": [*GUNICORN, "-k", "gevent"],
    "uvicorn": [
        "-m", "uvicorn", "tests.soak.site:asgi", "--port", "{port}", "--workers", "2",
        "--log-level", "warning",
    ],
}  # fmt: skip
CLIENTS = 8
MIB = 2**20
#: The growth that is none: a process keeps some of what it once needed.
TOLERATED = {"memory": 24 * MIB, "threads": 8, "files": 16}


class Load:
    """Clients that ask a site again and again."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/"
        self._ended = threading.Event()
        self.done, self.failed = 0, 0
        self._threads = [threading.Thread(target=self._work) for _ in range(CLIENTS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(60)

    def _work(self) -> None:
        with urllib3.PoolManager(retries=False, timeout=60) as client:
            for number in itertools.count():
                if self._ended.is_set():
                    return
                query = "?large" if number % 10 == 0 else ""
                try:
                    is_good = client.request("GET", self._url + query).status == 200
                except urllib3.exceptions.HTTPError:
                    is_good = False
                self.done += 1
                self.failed += not is_good


def list_workers(parent: int) -> list[int]:
    """Return the processes below this one."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    found = [int(child) for child in children]
    return found + [grandchild for child in found for grandchild in list_workers(child)]


def measure(pid: int) -> dict[str, int]:
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return {
        "memory": int(fields["VmRSS"].split()[0]) * 1024,
        "threads": int(fields["Threads"]),
        "files": len(list(Path(f"/proc/{pid}/fd").iterdir())),
    }


def soak(name: str, arguments: list[str], server: Server, seconds: float) -> list[str]:
    """Return the faults that were seen."""
    port = free_port()
    environment = {
        **os.environ,
        "SOAK_ENDPOINT": server.endpoint,
        "SOAK_ACCESS_KEY": server.access_key,
        "SOAK_SECRET_KEY": server.secret_key,
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, *(argument.format(port=port) for argument in arguments)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(port)
            load = Load(port)
            load.start()
            time.sleep(seconds / 3)
            workers = list_workers(process.pid)
            before = {pid: measure(pid) for pid in workers}
            time.sleep(seconds * 2 / 3)
            after = {pid: measure(pid) for pid in workers}
            load.stop()
        finally:
            process.terminate()
            process.wait(60)
    faults = [f"{load.failed} of {load.done} requests failed"] if load.failed else []
    for pid in workers:
        for kind, tolerated in TOLERATED.items():
            grown = after[pid][kind] - before[pid][kind]
            if grown > tolerated:
                faults.append(f"{kind} grew by {grown:,} from {before[pid][kind]:,}")
    memory = max(state["memory"] for state in after.values()) / MIB
    files = max(state["files"] for state in after.values())
    say(f"{name}: {load.done} requests, {memory:.0f} MiB, {files} files: {faults or 'no fault'}")
    return faults


def wait_for(port: int) -> None:
    until = time.monotonic() + 60
    with urllib3.PoolManager(retries=False) as client:
        while time.monotonic() < until:
            try:
                client.request("GET", f"http://127.0.0.1:{port}/")
                return
            except urllib3.exceptions.HTTPError:
                time.sleep(0.05)
    raise SystemExit("the site does not start")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="for each server (default: 1)")
    minutes = parser.parse_args().minutes
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from django_minio_backend import MinioBackend

    faults = []
    with running() as server:
        MinioBackend(
            "soak",
            **server.options,
        ).s3.bucket.create()
        for name, arguments in SERVERS.items():
            faults += soak(name, arguments, server, minutes * 60)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
