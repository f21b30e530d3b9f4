"""Exports by Django's tasks. Before Django 6 they need the extra `tasks`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import django
from django.http import HttpRequest

from django_minio_backend.bgfiles import queue
from django_minio_backend.bgfiles.models import FileRequest, State
from django_minio_backend.bgfiles.patterns.criteria import Dataset
from django_minio_backend.bgfiles.patterns.full import FullPattern

if django.VERSION >= (6,):
    from django.tasks import task
else:
    try:
        from django_tasks import task  # type: ignore[no-redef]
    except ImportError as error:
        raise ImportError(
            "Before Django 6 this needs django-tasks: pip install django-minio-backend[tasks]"
        ) from error


@task
def create_file(pk: str) -> None:
    """Perform a request if it is due. If it fails and the backend can wait, send it again."""
    request = queue.claim(pk)
    if request is None:
        return
    queue.perform(request)
    if request.state == State.QUEUED and create_file.get_backend().supports_defer:
        # A task that comes too early finds nothing due.
        create_file.using(run_after=request.run_after + timedelta(seconds=1)).enqueue(pk)


class ScheduleWithTasksPattern(FullPattern):
    """A FullPattern whose requests a task performs. Register its type."""

    task: Any = create_file

    def schedule(
        self, file_request: FileRequest, http_request: HttpRequest, dataset: Dataset | None
    ) -> None:
        self.task.enqueue(str(file_request.pk))
