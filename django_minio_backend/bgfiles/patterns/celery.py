"""Exports by Celery. They need the extra `celery`."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from django.http import HttpRequest
from django.utils import timezone

from django_minio_backend.bgfiles import queue
from django_minio_backend.bgfiles.models import FileRequest, State
from django_minio_backend.bgfiles.patterns.criteria import Dataset
from django_minio_backend.bgfiles.patterns.full import FullPattern


@shared_task(bind=True, name="bgfiles.create_file", ignore_result=True)
def create_file(self: Any, pk: str) -> None:
    """Perform a request if it is due. If it fails, send it again for the next attempt."""
    request = queue.claim(pk)
    if request is None:
        return
    queue.perform(request)
    if request.state == State.QUEUED:
        # A message that comes too early finds nothing due.
        seconds = (request.run_after - timezone.now()).total_seconds() + 1
        self.apply_async([pk], countdown=max(0.0, seconds))


class ScheduleWithCeleryPattern(FullPattern):
    """A FullPattern whose requests a Celery worker performs. Register its type."""

    task: Any = create_file

    def schedule(
        self, file_request: FileRequest, http_request: HttpRequest, dataset: Dataset | None
    ) -> None:
        self.task.apply_async([str(file_request.pk)])
