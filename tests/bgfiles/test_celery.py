"""Requests that Celery does: its memory broker, and a real worker in a thread."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.utils import timezone

from django_minio_backend.bgfiles import leases
from django_minio_backend.bgfiles.models import FileRequest, State
from django_minio_backend.bgfiles.patterns import Dataset, registry
from tests.bgfiles.conftest import Numbers, http, stored

celery = pytest.importorskip("celery")
worker = pytest.importorskip("celery.contrib.testing.worker")
signals = pytest.importorskip("celery.signals")
patterns = pytest.importorskip("django_minio_backend.bgfiles.patterns.celery")

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 30.0


class Export(patterns.ScheduleWithCeleryPattern, Numbers):  # type: ignore[misc, name-defined]
    fails = 0

    def write_bytes(self, dataset: Dataset, buffer: Any) -> None:
        if Export.fails:
            Export.fails -= 1
            raise OSError("once")
        super().write_bytes(dataset, buffer)


@pytest.fixture
def finished() -> Iterator[list[Event]]:
    """An event for each of the tasks that end, in their order."""
    events = [Event() for _ in range(2)]
    waiting = iter(events)

    def ended(**kwargs: Any) -> None:
        # Django leaves a connection to a database in memory open, and its thread ends.
        for connection in connections.all(initialized_only=True):
            connection._close()  # type: ignore[attr-defined]
        next(waiting).set()

    def leave_logging_alone(**kwargs: Any) -> None:
        """Being there is enough."""

    signals.task_postrun.connect(ended)
    signals.setup_logging.connect(leave_logging_alone)
    yield events
    signals.setup_logging.disconnect(leave_logging_alone)
    signals.task_postrun.disconnect(ended)


@pytest.fixture
def app(finished: list[Event]) -> Iterator[Any]:
    made = celery.Celery("tests", broker="memory://", set_as_current=True)
    made.conf.broker_connection_retry_on_startup = True
    made.set_default()
    with worker.start_worker(made, pool="solo", perform_ping_check=False, loglevel="ERROR"):
        yield made


def test_a_real_worker_does_a_request_and_tries_again_what_failed(
    memory: None,
    user: User,
    app: Any,
    finished: list[Event],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leases, "FIRST_RETRY", timedelta(0))
    monkeypatch.setattr(Export, "fails", 1)
    registry.register(Export, ["numbers"])
    Export("n.csv").respond_to(http(user, "post", data={"n": 11}))
    for event in finished:
        assert event.wait(PATIENCE)
    request = FileRequest.objects.get()
    assert (request.state, request.attempts) == (State.DONE, 2)
    assert stored(request).endswith(b"10\r\n")


def test_a_task_that_comes_twice_does_the_request_once(
    memory: None, user: User, queued: FileRequest
) -> None:
    registry.register(Export, ["numbers"])
    patterns.create_file.apply([str(queued.pk)])
    before = FileRequest.objects.get()
    patterns.create_file.apply([str(queued.pk)])
    after = FileRequest.objects.get()
    assert (after.attempts, after.filehandle.name) == (1, before.filehandle.name)


def test_a_retry_waits_as_long_as_the_queue_says(
    memory: None, queued: FileRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[float] = []
    monkeypatch.setattr(
        patterns.create_file, "apply_async", lambda args, countdown: sent.append(countdown)
    )
    monkeypatch.setattr(Export, "fails", 1)
    registry.register(Export, ["numbers"])
    patterns.create_file.apply([str(queued.pk)])
    assert 50 < sent[0] <= 61
    assert FileRequest.objects.get().run_after > timezone.now()


def test_without_celery_nothing_else_is_missing() -> None:
    import subprocess
    import sys

    code = """
import sys
sys.modules["celery"] = None
from django.conf import settings
apps = ["django.contrib.auth", "django.contrib.contenttypes", "django_minio_backend.bgfiles"]
settings.configure(INSTALLED_APPS=apps)
import django
django.setup()
import django_minio_backend.bgfiles.views
import django_minio_backend.bgfiles.patterns
try:
    import django_minio_backend.bgfiles.patterns.celery
except ImportError:
    sys.exit(0)
sys.exit("imported")
"""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
