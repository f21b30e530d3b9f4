"""More threads than connections are kept for, and a process without file descriptors."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from django_minio_backend import MinioBackend
from tests.conftest import Buckets

THREADS = 100
ROOT = Path(__file__).parents[2]
# Each thread holds a connection until all of them have one, or failed to get one.
SCRIPT = """
import json, os, resource, sys, threading, time
from django.conf import settings
settings.configure()
from django_minio_backend import MinioBackend
from django_minio_backend.errors import StorageError

storage = MinioBackend(**json.loads(sys.argv[1]))
content = os.urandom(24 * 2**20)
storage.save("large.bin", content)
assert storage.open("large.bin").read() == content

def count_files():
    return len(os.listdir("/proc/self/fd"))

resource.setrlimit(resource.RLIMIT_NOFILE, (count_files() + 10, 4096))
barrier = threading.Barrier(40)
failures, saved, read = [], [], []

def work(number):
    try:
        file = storage.open("large.bin")
        start = file.read(4 * 2**20)
    except StorageError as error:
        failures.append(f"{type(error).__name__}: {error}")
        file = None
    barrier.wait(60)
    if file:
        read.append(start + file.read() == content)
        file.close()
    try:
        saved.append(storage.save(f"{number}.txt", b"%d" % number))
    except StorageError as error:
        failures.append(f"{type(error).__name__}: {error}")

started = time.monotonic()
threads = [threading.Thread(target=work, args=(number,)) for number in range(40)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
passed = time.monotonic() - started
after = [storage.save("after.txt", b"x"), storage.open("large.bin").read() == content]
names = storage.listdir("")[1]
print(json.dumps([failures, saved, read, after, names, passed]))
"""


def test_more_threads_than_kept_connections_all_work(storage: MinioBackend) -> None:
    barrier = threading.Barrier(THREADS)
    contents: dict[str, bytes] = {}

    def work(number: int) -> None:
        barrier.wait(60)
        name = storage.save(f"{number}.txt", b"%d" % number)
        contents[name] = storage.open(name).read()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert contents == {f"{number}.txt": b"%d" % number for number in range(THREADS)}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_process_without_file_descriptors_is_told_and_recovers(buckets: Buckets) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, json.dumps(buckets.options)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    failures, saved, read, after, names, passed = json.loads(done.stdout)
    assert failures
    for failure in failures:
        assert failure.startswith("ServerUnreachable: ")
        assert "Too many open files" in failure
        assert "ulimit -n" in failure
    assert all(read)
    assert len(read) >= 5
    assert after == ["after.txt", True]
    assert {*names} >= {*saved, "after.txt", "large.bin"}
    assert passed < 30
