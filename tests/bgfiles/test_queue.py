from __future__ import annotations

import signal
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from django_minio_backend.bgfiles import leases, queue, toolbox
from django_minio_backend.bgfiles.models import FileRequest, State
from django_minio_backend.bgfiles.patterns import registry
from tests.bgfiles.conftest import Numbers

pytestmark = pytest.mark.django_db


def add(**values: Any) -> FileRequest:
    return FileRequest.objects.create(file_type="numbers", criteria="n=1", **values)


def ago(**spans: float) -> Any:
    return timezone.now() - timedelta(**spans)


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


def test_types_that_nobody_registered_are_left_alone(db: None) -> None:
    FileRequest.objects.create(file_type="unknown")
    assert queue.claim() is None


def test_one_request_is_claimed_by_its_key(db: None) -> None:
    add()
    wanted = add()
    assert queue.claim(str(wanted.pk)) == wanted
    assert queue.claim(wanted.pk) is None


def test_of_two_who_saw_the_same_row_one_gets_it(db: None) -> None:
    add()
    one, other = FileRequest.objects.get(), FileRequest.objects.get()
    assert [leases.take(one), leases.take(other)] == [True, False]
    assert not other.held


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


def test_a_worker_that_is_late_but_alive_keeps_its_request(db: None) -> None:
    add()
    worker = queue.claim()
    FileRequest.objects.update(leased_until=ago(seconds=1))
    thief = FileRequest.objects.get()
    assert worker
    worker.report(1)
    assert not leases.take(thief)


def test_what_killed_its_worker_each_time_fails(db: None) -> None:
    add(state=State.RUNNING, leased_until=ago(seconds=1), lease="x", attempts=leases.MAX_ATTEMPTS)
    assert queue.claim() is None
    row = FileRequest.objects.get()
    assert (row.state, row.lease) == (State.FAILED, "")
    assert row.last_error == "the worker died, 5 times in all"


def test_retries_come_later_each_time_and_end(db: None) -> None:
    add()
    waits = []
    while (row := FileRequest.objects.get()).state == State.QUEUED:
        assert leases.take(row)
        leases.retry(row, ValueError("no"))
        waits.append(round((row.run_after - timezone.now()).total_seconds() / 60))
    assert waits[:4] == [1, 2, 4, 8]
    assert (row.attempts, row.last_error) == (leases.MAX_ATTEMPTS, "ValueError: no")
    assert row.expires_at, "or `clean` would leave it for ever"


def test_a_wait_has_an_upper_bound(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "MAX_ATTEMPTS", 100)
    row = add(attempts=20)
    assert leases.take(row)
    leases.retry(row, ValueError())
    assert row.run_after - timezone.now() < timedelta(minutes=61)


def test_an_error_is_kept_short(db: None) -> None:
    row = add()
    assert leases.take(row)
    leases.retry(row, ValueError("x" * 10_000))
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


def test_a_failure_is_recorded_and_not_raised(
    memory: None, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(Numbers, "write_bytes", broken)
    request = toolbox.add_request("n=1", "numbers", user)
    assert [one.pk for one in queue.work()] == [request.pk]
    assert FileRequest.objects.get().last_error == "RuntimeError: broken"


class Forgetful:
    """A handler of its own kind, which forgets to attach a file."""

    def handle(self, file_request: FileRequest) -> None:
        if file_request.criteria:
            toolbox.attach_file(file_request, b"1", filename="1.txt")


def test_any_object_that_handles_can_be_registered(memory: None) -> None:
    registry.register(Forgetful(), ["own"])
    toolbox.add_request("yes", "own")
    toolbox.add_request("", "own")
    list(queue.work())
    done, queued = FileRequest.objects.order_by("created_at")
    assert done.state == State.DONE
    assert (queued.state, queued.last_error) == (
        State.QUEUED,
        "RuntimeError: the handler attached no file",
    )


def test_who_has_lost_the_lease_changes_nothing(memory: None, user: User) -> None:
    class Robbed:
        def handle(self, file_request: FileRequest) -> None:
            FileRequest.objects.update(lease="another")
            toolbox.attach_file(file_request, b"1", filename="1.txt")

    registry.register(Robbed(), ["own"])
    request = toolbox.add_request("", "own", user)
    list(queue.work())
    row = FileRequest.objects.get()
    assert (row.state, row.lease, row.last_error) == (State.RUNNING, "another", "")
    assert not request.filehandle.storage.listdir("bgfiles")[1]


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
        list(queue.work())
    row = FileRequest.objects.get()
    assert (row.state, row.attempts) == (State.QUEUED, 0)


def test_work_ends_after_so_many_items_or_so_long(memory: None, user: User) -> None:
    for _ in range(3):
        toolbox.add_request("n=1", "numbers", user, filename="a.csv")
    assert len(list(queue.work(timeout=0))) == 0
    assert len(list(queue.work(items=2))) == 2
    assert len(list(queue.work())) == 1


def test_signals_are_as_before_when_the_work_is_done(db: None) -> None:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)
    before = [signal.getsignal(number) for number in numbers]
    list(queue.work())
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
    (worked,) = queue.work()
    assert worked.state == State.QUEUED
    assert "use the request that the handler is given" in worked.last_error


def test_what_fails_since_its_workers_died_is_told(
    db: None, caplog: pytest.LogCaptureFixture
) -> None:
    add(state=State.RUNNING, lease="x", attempts=5, leased_until=ago(seconds=1))
    assert [row.state for row in queue.work()] == [State.FAILED]
    assert "the worker died, 5 times in all" in caplog.text


def test_an_error_after_the_end_does_not_begin_it_anew(
    memory: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Late(Numbers):
        def notify(self, file_request: FileRequest) -> bool:
            raise queue.Interrupted

    registry.register(Late, ["numbers"])
    row = add(requester=User.objects.create_user("ann"))
    list(queue.work())
    row.refresh_from_db()
    assert row.state == State.DONE
