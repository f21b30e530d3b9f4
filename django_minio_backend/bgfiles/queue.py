"""The worker: claims requests, has them done, and stops when it is told to.

Many may work at once. A claim is one short transaction; nothing is locked while a file is made.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import Any
from uuid import UUID

from django.db import connections, router, transaction
from django.db.models import QuerySet
from django.utils import timezone, translation

from django_minio_backend.bgfiles import leases
from django_minio_backend.bgfiles.leases import LeaseLost
from django_minio_backend.bgfiles.models import FileRequest
from django_minio_backend.bgfiles.patterns import registry

logger = logging.getLogger("django_minio_backend.bgfiles")

#: Seconds that a request may go on after SIGTERM before it is given back.
GRACE = 5.0
# Windows has none: nothing can be waited for there.
_HAS_TIMER = hasattr(signal, "setitimer")


class Interrupted(KeyboardInterrupt):
    """The worker is to stop. What drivers do on Ctrl-C, such as cancel a query, they do on this."""


def claim(
    pk: UUID | str | None = None, *, given_up: Callable[[FileRequest], object] = lambda row: None
) -> FileRequest | None:
    """Return the oldest request that is due, or this one if it is, as ours; None without one.

    Types that nobody registered are left alone. `given_up` hears of those whose workers died once
    too often, which fail here.
    """
    using = router.db_for_write(FileRequest)
    rows = FileRequest.objects.db_manager(using).to_handle().filter(file_type__in=registry.handlers)
    if pk is not None:
        rows = rows.filter(pk=pk)
    if not connections[using].features.has_select_for_update_skip_locked:
        return _take_first(rows, given_up)
    with transaction.atomic(using=using):
        return _take_first(rows.select_for_update(skip_locked=True), given_up)


def _take_first(
    rows: QuerySet[FileRequest], given_up: Callable[[FileRequest], object]
) -> FileRequest | None:
    while (found := rows.first()) is not None:
        if found.attempts >= leases.MAX_ATTEMPTS:
            leases.give_up(found)
            logger.warning("%s failed: %s", found, found.last_error)
            given_up(found)
        elif leases.take(found):
            return found
    return None


def perform(request: FileRequest) -> None:
    """Do a request that is ours. Its failure is recorded and logged, and not raised."""
    handler = registry.handlers[request.file_type]
    try:
        with _as_requester(request), leases.kept(request):
            handler.handle(request)
        if leases.is_held(request):
            raise RuntimeError("the handler attached no file")
    except LeaseLost as error:
        if leases.is_held(request):  # lost by another object of the same row
            leases.retry(request, RuntimeError("use the request that the handler is given"))
        logger.warning("%s: somebody else goes on with it", error)
    except Exception as error:
        leases.retry(request, error)
        logger.warning("%s failed: %s", request, type(error).__name__, exc_info=True)
    except BaseException:
        leases.give_back(request)
        raise


@contextmanager
def _as_requester(request: FileRequest) -> Iterator[None]:
    """Speak the requester's language, in their time zone."""
    with ExitStack() as stack:
        if request.language:
            stack.enter_context(translation.override(request.language))
        if request.time_zone:
            stack.enter_context(timezone.override(request.time_zone))
        yield


def work(
    *, items: int | None = None, timeout: float | None = None, sleep: float = 0
) -> Iterator[FileRequest]:
    """Do what is due and yield each request when it is done or has failed.

    Stops after `items` of them, after `timeout` seconds, when nothing is due, and on SIGTERM or
    SIGINT: what is being done then has GRACE seconds, and is given back to the queue after them.
    """
    began, done = time.monotonic(), 0
    with suppress(Interrupted), Stop() as stop:
        while not stop.asked and (items is None or done < items):
            if timeout is not None and time.monotonic() - began >= timeout:
                return
            if done:
                stop.pause(sleep)
            if stop.asked:
                return
            given_up: list[FileRequest] = []
            request = claim(given_up=given_up.append)
            if request is not None:
                with stop.busy():
                    perform(request)
            yield from given_up
            if request is None:
                return
            done += 1
            yield request


class Stop:
    """SIGTERM and SIGINT for the length of a `with` block, in the main thread."""

    def __init__(self) -> None:
        self.asked = False
        self._pausing = self._busy = False
        self._former: dict[int, Any] = {}

    def __enter__(self) -> Stop:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._former[number] = signal.signal(number, self._ask)
            if _HAS_TIMER:
                self._former[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._end)
        return self

    def __exit__(self, *_: object) -> None:
        if self._former and _HAS_TIMER:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._former.items():
            signal.signal(number, handler)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Let what is done in this block end within GRACE seconds once a stop is asked for."""
        self._busy = True
        try:
            if self.asked:  # since the loop looked
                self._set_timer()
            yield
        finally:
            self._busy = False

    def pause(self, seconds: float) -> None:
        """Sleep, but not on when a stop is asked for."""
        with suppress(Interrupted):
            self._pausing = True
            if not self.asked:
                time.sleep(seconds)
            self._pausing = False
        self._pausing = False

    def _ask(self, number: int, frame: FrameType | None) -> None:
        again, self.asked = self.asked, True
        if self._pausing or (self._busy and again):
            raise Interrupted
        if self._busy:
            self._set_timer()

    def _set_timer(self) -> None:
        if not _HAS_TIMER:
            raise Interrupted
        signal.setitimer(signal.ITIMER_REAL, GRACE)

    def _end(self, number: int, frame: FrameType | None) -> None:
        if self._busy:
            raise Interrupted
