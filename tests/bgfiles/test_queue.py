from __future__ import annotations

import signal
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from django_minio_backend.bgfiles import leases, queue, toolbox, worker
from django_minio_backend.bgfiles.models import FileRequest, State
from django_minio_backend.bgfiles.patterns import registry
from tests.bgfiles.conftest import Numbers, add, ago

pytestmark = pytest.mark.django_db


def test_the_oldest_request_is_claimed_first(db: None) -> None:
    younger, older = add(), add(created_at=ago(hours=1))
    assert [queue.claim(), queue.claim(), queue.claim()] == [older, younger, None]


def test_what_is_claimed_is_running_under_a_lease(db: None) -> None:
    add()
    claimed = queue.claim()
    assert claimed
    row = FileRequest.objects.get()
    assert (row.state, row.attempts, row.lease) == (State.RUNNING, 1, claimed.held)
    assert len(row.lease) == 32
    assert row.leased_until
    assert abs(row.leased_until - timezone.now() - leases.LEASE) < timedelta(seconds=5)


def test_what_is_not_due_is_not_claimed(db: None) -> None:
    add(run_after=timezone.now() + timedelta(seconds=30))
    add(state=State.RUNNING, leased_until=timezone.now() + timedelta(seconds=30))
    add(state=State.DONE)
    add(state=State.FAILED)
    assert queue.claim() is None
    assert not FileRequest.objects.to_handle().exists()


def test_one_request_is_claimed_by_its_key(db: None) -> None:
    add()
    wanted = add()
    assert queue.claim(str(wanted.pk)) == wanted
    assert queue.claim(wanted.pk) is None


def test_an_abandoned_request_is_claimed_again_and_counts(db: None) -> None:
    add()
    first = queue.claim()
    FileRequest.objects.update(leased_until=ago(seconds=1))
    second = queue.claim()
    assert first
    assert second
    assert (second.attempts, second.held != first.held) == (2, True)
    with pytest.raises(leases.LeaseLost):
        first.report(1)
    second.report(1)


def test_what_killed_its_worker_each_time_fails(db: None) -> None:
    add(state=State.RUNNING, leased_until=ago(seconds=1), lease="x", attempts=leases.MAX_ATTEMPTS)
    assert queue.claim() is None
    row = FileRequest.objects.get()
    assert (row.state, row.lease) == (State.FAILED, "")
    assert row.last_error == "the worker died, 5 times in all"


def test_a_failure_is_recorded_and_not_raised(
    memory: None, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(Numbers, "write_bytes", broken)
    request = toolbox.add_request("n=1", "numbers", user)
    assert [one.pk for one in worker.work()] == [request.pk]
    assert FileRequest.objects.get().last_error == "RuntimeError: broken"


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_request_is_given_back_uncounted(
    memory: None, kind: type[BaseException]
) -> None:
    class Interrupted:
        def handle(self, file_request: FileRequest) -> None:
            raise kind

    registry.register(Interrupted(), ["own"])
    toolbox.add_request("", "own")
    with pytest.raises(kind):
        list(worker.work())
    row = FileRequest.objects.get()
    assert (row.state, row.attempts) == (State.QUEUED, 0)


def test_work_ends_after_so_many_items_or_so_long(memory: None, user: User) -> None:
    for _ in range(3):
        toolbox.add_request("n=1", "numbers", user, filename="a.csv")
    assert len(list(worker.work(timeout=0))) == 0
    assert len(list(worker.work(items=2))) == 2
    assert len(list(worker.work())) == 1


def test_signals_are_as_before_when_the_work_is_done(db: None) -> None:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)
    before = [signal.getsignal(number) for number in numbers]
    list(worker.work())
    assert [signal.getsignal(number) for number in numbers] == before


def test_the_claim_has_an_index(db: None) -> None:
    indexes = connection.introspection.get_constraints(connection.cursor(), "bgfiles_filerequest")
    assert indexes["bgfiles_queue"]["columns"] == ["state", "created_at"]


def test_a_handler_that_reads_the_row_anew_is_told_and_tried_again(memory: None) -> None:
    class ByTask:
        def handle(self, file_request: FileRequest) -> None:
            toolbox.attach_file(FileRequest.objects.get(id=file_request.id), b"1", "1.txt")

    registry.register(ByTask(), ["own"])
    toolbox.add_request("", "own")
    (worked,) = worker.work()
    assert worked.state == State.QUEUED
    assert "use the request that the handler is given" in worked.last_error


def test_what_fails_since_its_workers_died_is_told(
    db: None, caplog: pytest.LogCaptureFixture
) -> None:
    add(state=State.RUNNING, lease="x", attempts=5, leased_until=ago(seconds=1))
    assert [row.state for row in worker.work()] == [State.FAILED]
    assert "the worker died, 5 times in all" in caplog.text
