"""The queue: a worker claims a due request and performs it.

Many workers may do so at once. A claim is one short transaction. Nothing is locked while a file is
made.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from uuid import UUID

from django.db import connections, router, transaction
from django.db.models import QuerySet
from django.utils import timezone, translation

from django_minio_backend.bgfiles import leases, zones
from django_minio_backend.bgfiles.leases import LeaseLost
from django_minio_backend.bgfiles.models import FileRequest
from django_minio_backend.bgfiles.patterns import registry

logger = logging.getLogger("django_minio_backend.bgfiles")


def claim(
    pk: UUID | str | None = None, *, on_give_up: Callable[[FileRequest], object] = lambda row: None
) -> FileRequest | None:
    """Take the lease of the oldest due request, or of the one with this key if it is due.

    Return None if there is none. Requests of unregistered types stay. A request whose workers died
    too often fails here, and `on_give_up` gets it.
    """
    using = router.db_for_write(FileRequest)
    rows = FileRequest.objects.db_manager(using).to_handle().filter(file_type__in=registry.handlers)
    if pk is not None:
        rows = rows.filter(pk=pk)
    if not connections[using].features.has_select_for_update_skip_locked:
        return _take_first(rows, on_give_up)
    with transaction.atomic(using=using):
        return _take_first(rows.select_for_update(skip_locked=True), on_give_up)


def _take_first(
    rows: QuerySet[FileRequest], on_give_up: Callable[[FileRequest], object]
) -> FileRequest | None:
    while (request := rows.first()) is not None:
        if request.attempts >= leases.MAX_ATTEMPTS:
            request.give_up()
            logger.warning("%s failed: %s", request, request.last_error)
            on_give_up(request)
        elif request.take():
            return request
    return None


def perform(request: FileRequest) -> None:
    """Let the registered handler make the file of a claimed request.

    A failure is recorded and logged, and not raised.
    """
    handler = registry.handlers[request.file_type]
    try:
        with _activate_requester(request), request.keep_lease():
            handler.handle(request)
        if request.is_held:
            raise RuntimeError("the handler attached no file")
    except LeaseLost as error:
        if request.is_held:  # another object of the same row lost it
            request.retry(RuntimeError("use the request that the handler is given"))
        logger.warning("%s: another worker goes on with it", error)
    except Exception as error:
        request.retry(error)
        logger.warning("%s failed: %s", request, type(error).__name__, exc_info=True)
    except BaseException:
        request.give_back()
        raise


@contextmanager
def _activate_requester(request: FileRequest) -> Iterator[None]:
    """Activate the requester's language and time zone."""
    with ExitStack() as stack:
        if request.language:
            stack.enter_context(translation.override(request.language))
        if request.time_zone:
            stack.enter_context(timezone.override(zones.find_zone(request.time_zone)))
        yield
