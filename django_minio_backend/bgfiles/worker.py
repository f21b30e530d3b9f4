"""The worker: performs due requests until it is told to stop."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from django_minio_backend.bgfiles.models import FileRequest
from django_minio_backend.bgfiles.queue import claim, perform

#: The seconds that a request may go on after SIGTERM before it goes back to the queue.
GRACE = 5.0
# Windows has no timer: a request goes back to the queue at once there.
_HAS_TIMER = hasattr(signal, "setitimer")


class Interrupted(KeyboardInterrupt):
    """The worker must stop. Database drivers treat it as Ctrl-C, and cancel a query."""


def work(
    *, items: int | None = None, timeout: float | None = None, sleep: float = 0
) -> Iterator[FileRequest]:
    """Perform due requests, and yield each one when it is done or has failed.

    Stop after `items` requests, after `timeout` seconds, if nothing is due, and on SIGTERM or
    SIGINT. Then the running request has GRACE seconds to end, and goes back to the queue.
    """
    started, done = time.monotonic(), 0
    with suppress(Interrupted), Stop() as stop:
        while not stop.is_asked and (items is None or done < items):
            if timeout is not None and time.monotonic() - started >= timeout:
                return
            if done:
                stop.pause(sleep)
            if stop.is_asked:
                return
            given_up: list[FileRequest] = []
            request = claim(on_give_up=given_up.append)
            if request is not None:
                with stop.guard_request():
                    perform(request)
            yield from given_up
            if request is None:
                return
            done += 1
            yield request


class Stop:
    """SIGTERM and SIGINT for the length of a `with` block, in the main thread."""

    def __init__(self) -> None:
        self.is_asked = False
        self._is_pausing = self._is_busy = False
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
    def guard_request(self) -> Iterator[None]:
        """Let this block go on for GRACE seconds after a stop is asked for."""
        self._is_busy = True
        try:
            if self.is_asked:  # after the loop looked
                self._set_timer()
            yield
        finally:
            self._is_busy = False

    def pause(self, seconds: float) -> None:
        """Sleep, and wake up if a stop is asked for."""
        with suppress(Interrupted):
            self._is_pausing = True
            if not self.is_asked:
                time.sleep(seconds)
            self._is_pausing = False
        self._is_pausing = False

    def _ask(self, number: int, frame: FrameType | None) -> None:
        is_second, self.is_asked = self.is_asked, True
        if self._is_pausing or (self._is_busy and is_second):
            raise Interrupted
        if self._is_busy:
            self._set_timer()

    def _set_timer(self) -> None:
        if not _HAS_TIMER:
            raise Interrupted
        signal.setitimer(signal.ITIMER_REAL, GRACE)

    def _end(self, number: int, frame: FrameType | None) -> None:
        if self._is_busy:
            raise Interrupted
