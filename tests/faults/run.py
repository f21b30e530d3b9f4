"""One operation under one fault: its outcome, and the proof that nothing was lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.core.management import CommandError

from django_minio_backend import MinioBackend
from django_minio_backend.errors import ServerUnreachable, StorageError
from tests.faults.line import Line, open_line
from tests.faults.operations import NEIGHBOUR, OPERATIONS, PART, Ends

#: The seconds within which an operation must end.
MOST_SECONDS = 10.0


class Bench:
    """A bucket of a real server, reached by a line with faults and without it."""

    def __init__(self, line: Line, endpoint: str, options: dict[str, Any]) -> None:
        self.line = line
        self._options = {**options, "MINIO_MULTIPART_PART_SIZE": PART}
        # Impatient, so that a line without an answer ends soon.
        self._shaky_options = {
            **self._options,
            "MINIO_ENDPOINT": endpoint,
            "MINIO_RETRIES": 1,
            "MINIO_READ_TIMEOUT": 1,
        }
        self._count = 0
        # A warm client knows its server, as in a process that has worked for a while.
        shaky = MinioBackend(**self._shaky_options)
        shaky.s3.learn(shaky.key(shaky.save("warm.bin", b"x")))
        assert shaky.s3.refuses_taken_names

    def try_one(self, operation: str, fault: str, at: int = 1, *, always: bool = False) -> str:
        """Return "done", or the name of the error. Raises AssertionError if something is lost."""
        self._count += 1
        location = {"MINIO_LOCATION": f"case-{self._count}"}
        direct_options = {**self._options, **location}
        shaky_options = {**self._shaky_options, **location}
        ends = Ends(MinioBackend(**shaky_options), MinioBackend(**direct_options), shaky_options)
        work = OPERATIONS[operation]
        work.prepare(ends)
        ends.direct.save("neighbour.bin", NEIGHBOUR)
        self.line.arm(fault, at, always=always)
        started = time.monotonic()
        result, outcome = None, "done"
        try:
            result = work.run(ends)
        except (StorageError, CommandError) as error:
            outcome = type(error).__name__
        finally:
            passed = time.monotonic() - started
            self.line.disarm()
        assert at > 1 or self.line.struck
        assert passed < MOST_SECONDS, f"it took {passed:.1f} s"
        work.check(ends, result)
        assert ends.read("neighbour.bin") == NEIGHBOUR
        # Only a line that stays bad keeps the parts from being deleted.
        assert always or not ends.has_parts("a.bin")
        # The connections go on with answers to their own requests.
        assert ask_patiently(ends.shaky, "neighbour.bin")
        assert not ask_patiently(ends.shaky, "nobody's.bin")
        return outcome


def ask_patiently(storage: MinioBackend, name: str) -> bool:
    """Return True if a file exists. A machine under load may not answer within a second."""
    for _ in range(9):
        with suppress(ServerUnreachable):
            return storage.exists(name)
    return storage.exists(name)


@contextmanager
def open_bench(endpoint: str, options: dict[str, Any]) -> Iterator[Bench]:
    with open_line(endpoint) as (line, shaky):
        yield Bench(line, shaky, options)
