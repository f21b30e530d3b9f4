"""Requests that Django's tasks do: built in since Django 6, django-tasks before."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import django
import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from django_minio_backend.bgfiles.models import FileRequest, State
from django_minio_backend.bgfiles.patterns import Dataset, registry
from tests.bgfiles.conftest import Numbers, http, stored

library = "django.tasks" if django.VERSION >= (6,) else "django_tasks"
tasks = pytest.importorskip(library)
patterns = pytest.importorskip("django_minio_backend.bgfiles.patterns.tasks")

pytestmark = pytest.mark.django_db(transaction=True)


class Export(patterns.ScheduleWithTasksPattern, Numbers):  # type: ignore[misc, name-defined]
    pass


class Broken(Export):
    def write_bytes(self, dataset: Dataset, buffer: Any) -> None:
        raise OSError("no")


@pytest.fixture
def backend(settings: Any) -> Any:
    def use(name: str) -> Any:
        settings.TASKS = {"default": {"BACKEND": f"{library}.backends.{name}"}}
        return tasks.task_backends["default"]

    return use


def test_a_task_does_the_request(memory: None, user: User, backend: Any) -> None:
    backend("immediate.ImmediateBackend")
    registry.register(Export, ["numbers"])
    delayed, _ = Export("n.csv").respond_to(http(user, "post", data={"n": 11}))
    assert delayed
    request = FileRequest.objects.get()
    assert (request.state, request.attempts) == (State.DONE, 1)
    assert stored(request).endswith(b"10\r\n")


def test_what_is_sent_is_the_requests_key(user: User, backend: Any) -> None:
    queue = backend("dummy.DummyBackend")
    Export("n.csv").respond_to(http(user, "post", data={"n": 11}))
    (result,) = queue.results
    assert result.args == [str(FileRequest.objects.get().pk)]


def test_a_request_that_fails_is_sent_again_for_when_it_is_due(
    memory: None, queued: FileRequest, backend: Any
) -> None:
    queue = backend("dummy.DummyBackend")
    registry.register(Broken, ["numbers"])
    patterns.create_file.call(str(queued.pk))
    (result,) = queue.results
    wait = result.task.run_after - timezone.now()
    assert timedelta(seconds=50) < wait <= timedelta(seconds=61)


def test_a_backend_that_cannot_wait_leaves_it_to_the_command(
    memory: None, queued: FileRequest, backend: Any
) -> None:
    backend("immediate.ImmediateBackend")
    registry.register(Broken, ["numbers"])
    patterns.create_file.call(str(queued.pk))
    assert FileRequest.objects.get().state == State.QUEUED


def test_without_the_library_the_error_says_what_to_install() -> None:
    code = """
import sys, django
sys.modules["django_tasks"] = None
django.VERSION = (5, 2, 0, "final", 0)
from django.conf import settings
apps = ["django.contrib.auth", "django.contrib.contenttypes", "django_minio_backend.bgfiles"]
settings.configure(INSTALLED_APPS=apps)
django.setup()
import django_minio_backend.bgfiles.patterns.tasks
"""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=root, capture_output=True, text=True, check=False, timeout=60
    )
    assert "ImportError: Before Django 6 this needs django-tasks: pip install" in done.stderr
