from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from django_minio_backend.bgfiles import leases, queue, toolbox, worker
from django_minio_backend.bgfiles.models import FileRequest, State
from django_minio_backend.bgfiles.patterns import registry
from tests.bgfiles.conftest import Numbers, add, ago

pytestmark = pytest.mark.django_db


def test_of_two_who_saw_the_same_row_one_gets_it(db: None) -> None:
    add()
    one, other = FileRequest.objects.get(), FileRequest.objects.get()
    assert [one.take(), other.take()] == [True, False]
    assert not other.held


def test_a_worker_that_is_late_but_alive_keeps_its_request(db: None) -> None:
    add()
    worker = queue.claim()
    FileRequest.objects.update(leased_until=ago(seconds=1))
    thief = FileRequest.objects.get()
    assert worker
    worker.report(1)
    assert not thief.take()


def test_retries_come_later_each_time_and_end(db: None) -> None:
    add()
    waits = []
    while (row := FileRequest.objects.get()).state == State.QUEUED:
        assert row.take()
        row.retry(ValueError("no"))
        waits.append(round((row.run_after - timezone.now()).total_seconds() / 60))
    assert waits[:4] == [1, 2, 4, 8]
    assert (row.attempts, row.last_error) == (leases.MAX_ATTEMPTS, "ValueError: no")
    assert row.expires_at, "or `clean` would leave it for ever"


def test_a_wait_has_an_upper_bound(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "MAX_ATTEMPTS", 100)
    row = add(attempts=20)
    assert row.take()
    row.retry(ValueError())
    assert row.run_after - timezone.now() < timedelta(minutes=61)


def test_an_error_is_kept_short(db: None) -> None:
    row = add()
    assert row.take()
    row.retry(ValueError("x" * 10_000))
    assert len(FileRequest.objects.get().last_error) == 500


def test_reports_are_written_once_a_second(
    db: None, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    add()
    row = queue.claim()
    assert row
    with django_assert_num_queries(1):
        for done in range(1000):
            row.report(done, 1000)
    now[0] += 1.5
    with django_assert_num_queries(1):
        row.report(1000, 1000)
    found = FileRequest.objects.get()
    assert (found.progress_done, found.progress_total) == (1000, 1000)


def test_a_report_renews_the_lease(db: None) -> None:
    add()
    row = queue.claim()
    assert row
    FileRequest.objects.update(leased_until=timezone.now() + timedelta(seconds=1))
    row.report(1)
    until = FileRequest.objects.get().leased_until
    assert until
    assert until > timezone.now() + timedelta(minutes=14)


def test_who_has_lost_the_lease_changes_nothing(memory: None, user: User) -> None:
    class Robbed:
        def handle(self, file_request: FileRequest) -> None:
            FileRequest.objects.update(lease="another")
            toolbox.attach_file(file_request, b"1", filename="1.txt")

    registry.register(Robbed(), ["own"])
    request = toolbox.add_request("", "own", user)
    list(worker.work())
    row = FileRequest.objects.get()
    assert (row.state, row.lease, row.last_error) == (State.RUNNING, "another", "")
    assert not request.filehandle.storage.listdir("bgfiles")[1]


def test_an_error_after_the_end_does_not_begin_it_anew(
    memory: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Late(Numbers):
        def notify(self, file_request: FileRequest) -> bool:
            raise worker.Interrupted

    registry.register(Late, ["numbers"])
    row = add(requester=User.objects.create_user("ann"))
    list(worker.work())
    row.refresh_from_db()
    assert row.state == State.DONE
