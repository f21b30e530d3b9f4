from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from django_minio_backend.parallel import map_parallel, run_parallel


def test_results_come_as_they_are_ready() -> None:
    second_is_out = threading.Event()

    def work(number: int) -> int:
        if number == 1:
            assert second_is_out.wait(30)
        return number

    results = run_parallel(work, [1, 2], workers=2)
    assert next(results) == 2
    second_is_out.set()
    assert list(results) == [1]


def test_items_are_read_a_few_ahead_only() -> None:
    read = 0

    def items() -> Iterator[int]:
        nonlocal read
        while True:
            read += 1
            yield read

    results = run_parallel(abs, items(), workers=2)
    next(results)
    assert read < 10
    results.close()  # type: ignore[attr-defined]


def test_a_failure_ends_it_and_cancels_what_waits() -> None:
    done: list[int] = []

    def work(number: int) -> None:
        if number == 3:
            raise ValueError("no")
        done.append(number)

    with pytest.raises(ValueError, match="no"):
        list(run_parallel(work, range(100), workers=1))
    assert len(done) < 10


def test_a_failure_of_the_items_is_raised_too() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("the listing broke")

    with pytest.raises(OSError, match="the listing broke"):
        list(run_parallel(abs, items(), workers=1))


def test_a_result_that_is_known_at_once_needs_no_thread() -> None:
    threads: list[int] = []

    def work(number: int) -> int:
        threads.append(number)
        return number

    results = run_parallel(work, range(10), 2, at_once=lambda n: n * 100 if n % 2 else None)
    assert next(results) == 100  # before any thread has worked for it
    assert sorted([100, *results]) == [0, 2, 4, 6, 8, 100, 300, 500, 700, 900]
    assert sorted(threads) == [0, 2, 4, 6, 8]


def test_a_map_keeps_the_order() -> None:
    assert map_parallel(lambda number: number * 2, [3, 1, 2], 3) == [6, 2, 4]
    assert map_parallel(abs, [], 0) == []
