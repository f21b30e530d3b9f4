"""Who works on a request: each change of state holds only if nobody else made one before.

Every change is one UPDATE that compares what it expects with what is in the row.
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

from django.db import DatabaseError, connections
from django.db.models import QuerySet
from django.utils import timezone

from django_minio_backend.bgfiles import conf
from django_minio_backend.bgfiles.models import FileRequest, State, database_of

logger = logging.getLogger("django_minio_backend.bgfiles")

#: A worker that has not been heard of for so long is taken for dead.
LEASE = timedelta(minutes=15)
MAX_ATTEMPTS = 5
#: The second attempt waits so long, each further one twice as long as the one before.
FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=1)
# Seconds between two reports that are written.
_REPORT_EVERY = 1.0
_ERROR_LENGTH = 500


class LeaseLost(Exception):
    """Another worker has the request, or it was deleted: nothing more is to be done for it."""


def take(request: FileRequest) -> bool:
    """Make the request ours. False when somebody else was faster, or it is done or failed."""
    now = timezone.now()
    abandoned = request.leased_until is not None and request.leased_until < now
    if request.state != State.QUEUED and not (request.state == State.RUNNING and abandoned):
        return False
    seen = _row(request).filter(
        state=request.state, lease=request.lease, leased_until=request.leased_until
    )
    lease = secrets.token_hex(16)
    taken = _change(
        request,
        seen,
        state=State.RUNNING,
        attempts=request.attempts + 1,
        lease=lease,
        leased_until=now + LEASE,
        last_error="",
        progress_done=0,
        progress_total=None,
    )
    if taken:
        request.held, request.reported_at = lease, None
    return taken


def renew(request: FileRequest) -> None:
    """Write the progress and prolong the lease, once a second. Raises LeaseLost."""
    now = time.monotonic()
    if request.reported_at is not None and now - request.reported_at < _REPORT_EVERY:
        return
    request.reported_at = now
    values: dict[str, Any] = {
        "progress_done": request.progress_done,
        "progress_total": request.progress_total,
    }
    if request.held:
        values["leased_until"] = timezone.now() + LEASE
    if not _change(request, _ours(request), **values):
        raise LeaseLost(f"{request} is not ours any more")


@contextmanager
def kept(request: FileRequest) -> Iterator[None]:
    """Prolong the lease while a block runs, however long it does so without a word."""
    ended = threading.Event()
    thread = threading.Thread(
        target=_prolong, args=(_ours(request), ended), name="lease", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _prolong(rows: QuerySet[FileRequest], ended: threading.Event) -> None:
    try:
        while not ended.wait(LEASE.total_seconds() / 3):
            try:
                if not rows.update(leased_until=timezone.now() + LEASE):
                    return
            except DatabaseError as error:
                logger.warning("A lease was not prolonged: %s", type(error).__name__)
                connections[rows.db].close_if_unusable_or_obsolete()
    finally:
        connections.close_all()  # this thread's own


def finish(request: FileRequest, **values: Any) -> None:
    """Make the request done, with the fields that say where its file is. Raises LeaseLost."""
    # The file that is replaced must be the one that the caller knows, or nobody would delete it.
    seen = _ours(request).filter(filehandle=request.filehandle.name or "")
    ended = _change(
        request,
        seen,
        state=State.DONE,
        finished_at=timezone.now(),
        progress_done=request.progress_done,
        progress_total=request.progress_total,
        lease="",
        leased_until=None,
        last_error="",
        **values,
    )
    request.held = ""
    if not ended:
        raise LeaseLost(f"{request} is not ours any more")


def retry(request: FileRequest, error: BaseException) -> None:
    """Queue a request again that failed, later each time; after MAX_ATTEMPTS it has failed.

    One that is not held any more, since it is done, is left as it is.
    """
    if not request.held:
        return
    if request.attempts >= MAX_ATTEMPTS:
        fail(request, described(error))
        return
    wait = min(FIRST_RETRY * 2 ** (request.attempts - 1), LONGEST_RETRY)
    _release(request, run_after=timezone.now() + wait, last_error=described(error))


def give_back(request: FileRequest) -> None:
    """Queue a request again that was interrupted, as if it had not been begun."""
    if request.held:
        _release(request, run_after=timezone.now(), attempts=max(0, request.attempts - 1))


def fail(request: FileRequest, reason: str) -> None:
    """End a request without a file. `clean` removes it when a file would have expired."""
    now = timezone.now()
    values: dict[str, Any] = {"state": State.FAILED, "finished_at": now, "last_error": reason}
    if max_age := conf.max_age():
        values["expires_at"] = now + timedelta(seconds=max_age)
    _release(request, **values)


def give_up(request: FileRequest) -> None:
    """Fail a request whose workers died once too often, if its lease is still the same."""
    request.held = request.lease
    fail(request, f"the worker died, {request.attempts} times in all")


def requeue(request: FileRequest) -> bool:
    """Queue a request anew that failed for good. False when it has not."""
    return _change(
        request,
        _row(request).filter(state=State.FAILED),
        state=State.QUEUED,
        attempts=0,
        run_after=timezone.now(),
        finished_at=None,
        expires_at=None,
    )


def is_held(request: FileRequest) -> bool:
    return bool(request.held) and _ours(request).exists()


def described(error: BaseException) -> str:
    """Return an exception's type and text, without its traceback and what is in it."""
    return f"{type(error).__name__}: {error}"[:_ERROR_LENGTH]


def _release(request: FileRequest, **values: Any) -> None:
    # What ends the work may have been the connection.
    connections[database_of(request)].close_if_unusable_or_obsolete()
    released: dict[str, Any] = {"state": State.QUEUED, "lease": "", "leased_until": None}
    _change(request, _ours(request), **{**released, **values})
    request.held = ""


def _row(request: FileRequest) -> QuerySet[FileRequest]:
    return FileRequest._base_manager.using(database_of(request)).filter(pk=request.pk)


def _ours(request: FileRequest) -> QuerySet[FileRequest]:
    """Return the row while it is ours: under our lease, or without one when nobody works on it."""
    if request.held:
        return _row(request).filter(state=State.RUNNING, lease=request.held)
    return _row(request).exclude(state=State.RUNNING)


def _change(request: FileRequest, rows: QuerySet[FileRequest], **values: Any) -> bool:
    if not rows.update(**values):
        return False
    for name, value in values.items():
        setattr(request, name, value)
    return True
