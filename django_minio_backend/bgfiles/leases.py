"""The lease of a request: only the worker that holds it may change the row.

Every change is one UPDATE that compares the row with the values that are expected in it.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError, connections, models, router
from django.db.models import QuerySet
from django.utils import timezone

from django_minio_backend.bgfiles import conf

logger = logging.getLogger("django_minio_backend.bgfiles")

#: A worker that has not prolonged its lease for so long counts as dead.
LEASE = timedelta(minutes=15)
MAX_ATTEMPTS = 5
#: The wait before the second attempt. Each further wait is twice as long.
FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=1)
# Seconds between two reports that are written.
_REPORT_INTERVAL = 1.0
_ERROR_LENGTH = 500


class State(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class LeaseLost(Exception):
    """Another worker holds the request, or the row was deleted. Do nothing more for it."""


class LeasedRequest(models.Model):
    """A row that several workers may want, and that one of them works on."""

    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=500, blank=True)
    run_after = models.DateTimeField(default=timezone.now)
    leased_until = models.DateTimeField(null=True, blank=True)
    lease = models.CharField(max_length=32, blank=True)
    progress_done = models.BigIntegerField(default=0)
    progress_total = models.BigIntegerField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    #: The lease that this process holds. The field `lease` may be another process's.
    held: str = ""
    #: The time of the last written report, by the monotonic clock.
    reported_at: float | None = None

    class Meta:
        abstract = True

    @property
    def write_database(self) -> str:
        """The database that the row is written to, whichever one it was read from."""
        return router.db_for_write(type(self), instance=self)

    @property
    def is_held(self) -> bool:
        """True if this process still holds the lease."""
        return bool(self.held) and self._own_row.exists()

    def take(self) -> bool:
        """Take the lease. Return False if another worker has it, or if the work has ended."""
        now = timezone.now()
        is_abandoned = self.leased_until is not None and self.leased_until < now
        if self.state != State.QUEUED and not (self.state == State.RUNNING and is_abandoned):
            return False
        expected = self._row.filter(
            state=self.state, lease=self.lease, leased_until=self.leased_until
        )
        lease = secrets.token_hex(16)
        is_taken = self._change(
            expected,
            state=State.RUNNING,
            attempts=self.attempts + 1,
            lease=lease,
            leased_until=now + LEASE,
            last_error="",
            progress_done=0,
            progress_total=None,
        )
        if is_taken:
            self.held, self.reported_at = lease, None
        return is_taken

    def renew(self) -> None:
        """Write the progress and prolong the lease, once a second. Raises LeaseLost."""
        now = time.monotonic()
        if self.reported_at is not None and now - self.reported_at < _REPORT_INTERVAL:
            return
        self.reported_at = now
        values: dict[str, Any] = {
            "progress_done": self.progress_done,
            "progress_total": self.progress_total,
        }
        if self.held:
            values["leased_until"] = timezone.now() + LEASE
        if not self._change(self._own_row, **values):
            raise self._make_lease_lost()

    @contextmanager
    def keep_lease(self) -> Iterator[None]:
        """Prolong the lease while the block runs, from another thread."""
        has_ended = threading.Event()
        thread = threading.Thread(
            target=_prolong, args=(self._own_row, has_ended), name="lease", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            has_ended.set()
            thread.join()

    def finish(self, *, expected: dict[str, Any], **values: Any) -> None:
        """End the work and write the values. Raises LeaseLost, also if `expected` does not hold."""
        has_ended = self._change(
            self._own_row.filter(**expected),
            state=State.DONE,
            finished_at=timezone.now(),
            progress_done=self.progress_done,
            progress_total=self.progress_total,
            lease="",
            leased_until=None,
            last_error="",
            **values,
        )
        self.held = ""
        if not has_ended:
            raise self._make_lease_lost()

    def retry(self, error: BaseException) -> None:
        """Queue the failed request again, later each time. After MAX_ATTEMPTS it has failed.

        A request that is not held any more has ended, and stays as it is.
        """
        if not self.held:
            return
        if self.attempts >= MAX_ATTEMPTS:
            self.fail(describe(error))
            return
        wait = min(FIRST_RETRY * 2 ** (self.attempts - 1), LONGEST_RETRY)
        self._release(run_after=timezone.now() + wait, last_error=describe(error))

    def give_back(self) -> None:
        """Queue the interrupted request again, as if nobody had started it."""
        if self.held:
            self._release(run_after=timezone.now(), attempts=max(0, self.attempts - 1))

    def fail(self, reason: str) -> None:
        """End the request without a file. `clean` removes it when a file would have expired."""
        now = timezone.now()
        values: dict[str, Any] = {"state": State.FAILED, "finished_at": now, "last_error": reason}
        if max_age := conf.get_max_age():
            values["expires_at"] = now + timedelta(seconds=max_age)
        self._release(**values)

    def give_up(self) -> None:
        """Fail the request, whose workers died too often, if its lease is still the same."""
        self.held = self.lease
        self.fail(f"the worker died, {self.attempts} times in all")

    def requeue(self) -> bool:
        """Queue a request again that has failed for good. Return False if it has not."""
        return self._change(
            self._row.filter(state=State.FAILED),
            state=State.QUEUED,
            attempts=0,
            run_after=timezone.now(),
            finished_at=None,
            expires_at=None,
        )

    @property
    def _row(self) -> QuerySet[Any]:
        return type(self)._base_manager.using(self.write_database).filter(pk=self.pk)

    @property
    def _own_row(self) -> QuerySet[Any]:
        """The row while it is ours: under our lease, or without one if nobody works on it."""
        if self.held:
            return self._row.filter(state=State.RUNNING, lease=self.held)
        return self._row.exclude(state=State.RUNNING)

    def _make_lease_lost(self) -> LeaseLost:
        return LeaseLost(f"{self} is not ours any more")

    def _release(self, **values: Any) -> None:
        # The work may have ended because the connection broke.
        connections[self.write_database].close_if_unusable_or_obsolete()
        released: dict[str, Any] = {"state": State.QUEUED, "lease": "", "leased_until": None}
        self._change(self._own_row, **{**released, **values})
        self.held = ""

    def _change(self, rows: QuerySet[Any], **values: Any) -> bool:
        """Write the values if the row is as expected; once more if the connection was lost.

        The first try may have been committed, and its response lost. Then the row has the values.
        """
        try:
            is_changed = bool(rows.update(**values))
        except (DatabaseError, InterfaceError):
            connection = connections[rows.db]
            if connection.in_atomic_block or connection.is_usable():
                raise
            connection.close()
            is_changed = bool(rows.all().update(**values)) or self._row.filter(**values).exists()
        if not is_changed:
            return False
        for name, value in values.items():
            setattr(self, name, value)
        return True


def describe(error: BaseException) -> str:
    """Return an exception's type and text, without its traceback."""
    return f"{type(error).__name__}: {error}"[:_ERROR_LENGTH]


def _prolong(rows: QuerySet[Any], has_ended: threading.Event) -> None:
    try:
        while not has_ended.wait(LEASE.total_seconds() / 3):
            try:
                if not rows.update(leased_until=timezone.now() + LEASE):
                    return
            except DatabaseError as error:
                logger.warning("A lease was not prolonged: %s", type(error).__name__)
                connections[rows.db].close_if_unusable_or_obsolete()
    finally:
        connections.close_all()  # this thread's own
