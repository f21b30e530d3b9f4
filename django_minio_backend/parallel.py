"""Work in several threads, with a bounded number of items under way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# How many items wait for each one that is being processed.
_AHEAD = 4


def run_parallel(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
    *,
    at_once: Callable[[Item], Result | None] = lambda item: None,
    name: str = "worker",
) -> Iterator[Result]:
    """Yield the results of `work` in the order in which they are ready, from `workers` threads.

    `at_once` is asked first, in the calling thread. Its result counts unless it is None: work that
    takes microseconds would wait for threads.
    `items` is read a few items ahead. The first exception, of `items` or of `work`, is raised
    after the running work has ended. Waiting work is cancelled.
    """
    jobs: set[Future[Result]] = set()
    with ThreadPoolExecutor(max(1, workers), thread_name_prefix=name) as threads:
        try:
            for item in items:
                if (result := at_once(item)) is not None:
                    yield result
                    continue
                jobs.add(threads.submit(work, item))
                if len(jobs) >= _AHEAD * workers:
                    yield from _take_ready(jobs)
            while jobs:
                yield from _take_ready(jobs)
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise


def map_parallel(
    work: Callable[[Item], Result], items: Sequence[Item], workers: int, *, name: str = "worker"
) -> list[Result]:
    """Return the results of `work` in the order of `items`, from `workers` threads."""
    with ThreadPoolExecutor(max(1, workers), thread_name_prefix=name) as threads:
        return list(threads.map(work, items))


def _take_ready(jobs: set[Future[Result]]) -> Iterator[Result]:
    """Wait for a job. Remove the jobs that are ready, and yield their results."""
    ready = wait(jobs, return_when=FIRST_COMPLETED).done
    jobs -= ready
    for job in ready:
        yield job.result()
