"""The function calls that each operation on a small file takes, as cProfile counts them.

Unlike time they do not depend on the machine's load. The bare minio SDK takes 1,414 calls to save
and 1,361 to read a file of 4 KiB.
"""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable

import pytest
from django.core.files.base import ContentFile

from django_minio_backend import MinioBackend
from tests.conftest import Buckets

DATA = b"x" * 4096
#: The most calls. A change that needs more of them says why.
MOST = {
    "save": 450,
    "replace": 450,
    "open and read": 350,
    "exists": 260,
    "missing": 260,
    "size": 270,
    "delete": 220,
    "url": 60,
}


def count_calls(work: Callable[[], object]) -> float:
    for _ in range(3):
        work()
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(10):
        work()
    profile.disable()
    calls: int = pstats.Stats(profile).total_calls  # type: ignore[attr-defined]
    return calls / 10


@pytest.mark.parametrize("operation", MOST)
def test_an_operation_takes_few_calls(buckets: Buckets, operation: str) -> None:
    storage, replacing = MinioBackend(), MinioBackend(replace_existing=True)
    number = iter(range(1000))

    def read() -> bytes:
        with storage.open("a.bin") as file:
            content: bytes = file.read()
            return content

    works: dict[str, Callable[[], object]] = {
        "save": lambda: storage.save(f"{next(number)}.bin", ContentFile(DATA)),
        "replace": lambda: replacing.save("a.bin", ContentFile(DATA)),
        "open and read": read,
        "exists": lambda: storage.exists("a.bin"),
        "missing": lambda: storage.exists("b.bin"),
        "size": lambda: storage.size("a.bin"),
        "delete": lambda: storage.delete(f"{next(number)}.bin"),
        "url": lambda: storage.url("a.bin"),
    }
    storage.save("a.bin", ContentFile(DATA))
    assert count_calls(works[operation]) <= MOST[operation]
