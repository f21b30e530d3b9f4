"""Removing what has expired: the file and its row, together or not at all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from django_minio_backend.bgfiles.models import ENDED, FileRequest


def expired(leeway: timedelta) -> QuerySet[FileRequest]:
    """Return the requests whose time ended `leeway` ago; none that is still to be done."""
    before = timezone.now() - leeway
    found = FileRequest.objects.filter(state__in=ENDED, expires_at__lte=before)
    return found.order_by("expires_at")


@dataclass(frozen=True)
class Removed:
    request: FileRequest
    #: Why it was not removed.
    error: Exception | None = None


def remove(
    found: QuerySet[FileRequest], *, timeout: float | None = None, sleep: float = 0
) -> Iterator[Removed]:
    """Delete the requests with their files, one after the other, until `timeout` seconds are over.

    A request whose file cannot be deleted stays, and does not keep the others.
    """
    began = time.monotonic()
    for number, request in enumerate(found.iterator(chunk_size=500)):
        if number:
            time.sleep(sleep)
        if timeout is not None and time.monotonic() - began >= timeout:
            return
        pk = request.pk  # which Django takes from what it deletes
        try:
            # It may have been given another token since the table was read.
            count, _ = request.delete(state=request.state, expires_at=request.expires_at)
        except Exception as error:  # whatever a storage raises
            yield Removed(request, error)
        else:
            request.pk = pk
            if count:
                yield Removed(request)
