"""Expired requests are removed: the file and its row, both or none."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from django_minio_backend.bgfiles.models import ENDED, FileRequest


def find_expired(leeway: timedelta) -> QuerySet[FileRequest]:
    """Return the requests that have ended and that expired `leeway` ago or earlier."""
    before = timezone.now() - leeway
    requests = FileRequest.objects.filter(state__in=ENDED, expires_at__lte=before)
    return requests.order_by("expires_at")


@dataclass(frozen=True)
class Removal:
    """The removal of a request, or the error that prevented it."""

    request: FileRequest
    error: Exception | None = None


def remove_requests(
    requests: QuerySet[FileRequest], *, timeout: float | None = None, sleep: float = 0
) -> Iterator[Removal]:
    """Delete requests with their files, one after the other, until `timeout` seconds are over.

    If a file cannot be deleted, its request stays, and the next one follows.
    """
    started = time.monotonic()
    for number, request in enumerate(requests.iterator(chunk_size=500)):
        if number:
            time.sleep(sleep)
        if timeout is not None and time.monotonic() - started >= timeout:
            return
        pk = request.pk  # Django removes it from an object that it deletes
        try:
            # The request may have got another token since the table was read.
            count, _ = request.delete(state=request.state, expires_at=request.expires_at)
        except Exception as error:  # whatever a storage raises
            yield Removal(request, error)
        else:
            request.pk = pk
            if count:
                yield Removal(request)
