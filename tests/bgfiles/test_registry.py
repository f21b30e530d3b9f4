from __future__ import annotations

import pytest

from django_minio_backend.bgfiles import queue, toolbox, worker
from django_minio_backend.bgfiles.models import FileRequest, State
from django_minio_backend.bgfiles.patterns import registry

pytestmark = pytest.mark.django_db


def test_types_that_nobody_registered_are_left_alone(db: None) -> None:
    FileRequest.objects.create(file_type="unknown")
    assert queue.claim() is None


class Forgetful:
    """A handler of its own kind, which forgets to attach a file."""

    def handle(self, file_request: FileRequest) -> None:
        if file_request.criteria:
            toolbox.attach_file(file_request, b"1", filename="1.txt")


def test_any_object_that_handles_can_be_registered(memory: None) -> None:
    registry.register(Forgetful(), ["own"])
    toolbox.add_request("yes", "own")
    toolbox.add_request("", "own")
    list(worker.work())
    done, queued = FileRequest.objects.order_by("created_at")
    assert done.state == State.DONE
    assert (queued.state, queued.last_error) == (
        State.QUEUED,
        "RuntimeError: the handler attached no file",
    )
