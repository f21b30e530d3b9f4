"""Many writers, readers and deleters, while the server is killed and started again.

A save that was acknowledged is readable for ever, and one name has one winner.
"""

from __future__ import annotations

import os
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django_minio_backend import MinioBackend
from django_minio_backend.errors import StorageError
from tools.minio_server import binary, free_port

WORKERS, ROUNDS, KILLS = 6, 60, 2
NAMES = [f"{number}.txt" for number in range(4)]
KEY, SECRET = "history-key", "history-secret"


class Mortal:
    """A MinIO that can be killed, and started again on the same files."""

    def __init__(self, folder: Path) -> None:
        self._command = [str(binary()), "server", "--quiet", str(folder), "--address"]
        self.endpoint = f"127.0.0.1:{free_port()}"
        self._process: subprocess.Popen[bytes] | None = None
        self.is_up = threading.Event()

    def start(self) -> None:
        environment = {
            **os.environ,
            "MINIO_ROOT_USER": KEY,
            "MINIO_ROOT_PASSWORD": SECRET,
            "MINIO_BROWSER": "off",
        }
        self._process = subprocess.Popen(
            [*self._command, self.endpoint], env=environment, stdout=subprocess.DEVNULL
        )
        storage = self.make_storage()
        until = time.monotonic() + 60
        while not storage.is_minio_available():
            assert time.monotonic() < until, "MinIO does not start"
        self.is_up.set()

    def kill(self) -> None:
        assert self._process
        self.is_up.clear()
        self._process.kill()
        self._process.wait(30)

    def make_storage(self) -> MinioBackend:
        return MinioBackend(
            "history",
            MINIO_ENDPOINT=self.endpoint,
            MINIO_ACCESS_KEY=KEY,
            MINIO_SECRET_KEY=SECRET,
            MINIO_CONNECT_TIMEOUT=5,
            MINIO_READ_TIMEOUT=5,
            MINIO_RETRIES=1,
        )


@contextmanager
def mortal(folder: Path) -> Iterator[Mortal]:
    server = Mortal(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()


class History:
    """The operations of all workers."""

    def __init__(self, storage: MinioBackend, is_up: threading.Event) -> None:
        self._storage = storage
        self._is_up = is_up
        self._lock = threading.Lock()
        #: The content of each acknowledged save, by the name that it returned.
        self.saved: dict[str, bytes] = {}
        #: The names whose deletion was asked for.
        self.doomed: set[str] = set()
        self.wrong: list[str] = []
        self.count = 0

    def work(self, worker: int) -> None:
        chance = random.Random(worker)
        for number in range(ROUNDS):
            # Work that is under way when the server is killed fails. More would be in vain.
            self._is_up.wait(60)
            with suppress(StorageError):
                self._do_one(chance, f"{worker} {number}".encode())
            self.count += 1

    def _do_one(self, chance: random.Random, content: bytes) -> None:
        action = chance.random()
        with self._lock:
            known = [name for name in self.saved if name not in self.doomed]
        if action < 0.5 or not known:
            self._save(chance.choice(NAMES), content)
        elif action < 0.85:
            self._read(chance.choice(known))
        else:
            name = chance.choice(known)
            with self._lock:
                self.doomed.add(name)
            self._storage.delete(name)

    def _save(self, name: str, content: bytes) -> None:
        saved = self._storage.save(name, content)
        with self._lock:
            if saved in self.saved and saved not in self.doomed:
                self.wrong.append(f"{saved} was given to two saves")
            self.saved[saved] = content
            # It may be deleted by one who asked before.
            if saved in self.doomed:
                del self.saved[saved]

    def _read(self, name: str) -> None:
        expected = self.saved.get(name)
        try:
            with self._storage.open(name) as file:
                content = file.read()
        except FileNotFoundError:
            content = None
        with self._lock:
            if name not in self.doomed and content != expected:
                self.wrong.append(f"{name} was read as {content!r}, not {expected!r}")


def test_what_was_acknowledged_is_there_after_the_server_was_killed(tmp_path: Path) -> None:
    with mortal(tmp_path) as server:
        storage = server.make_storage()
        storage.s3.bucket.create()
        storage.s3.learn(storage.key(storage.save("warm.txt", b"x")))
        history = History(storage, server.is_up)
        threads = [threading.Thread(target=history.work, args=(n,)) for n in range(WORKERS)]
        for thread in threads:
            thread.start()
        for kill in range(1, KILLS + 1):
            while history.count < kill * WORKERS * ROUNDS // (KILLS + 1):
                time.sleep(0.001)
            server.kill()
            server.start()
        for thread in threads:
            thread.join(120)
        assert history.count == WORKERS * ROUNDS
        assert history.wrong == []
        kept = {name: text for name, text in history.saved.items() if name not in history.doomed}
        assert len(kept) > 20
        for name, content in kept.items():
            assert storage.open(name).read() == content
