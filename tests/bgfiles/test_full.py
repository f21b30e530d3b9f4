from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest
from django.template import TemplateDoesNotExist
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy

from django_minio_backend.bgfiles import leases, queue, toolbox
from django_minio_backend.bgfiles.models import FileRequest, State
from django_minio_backend.bgfiles.patterns import Dataset, FullPattern, registry
from tests.bgfiles.conftest import Numbers, http, stored
from tests.conftest import Buckets

pytestmark = pytest.mark.django_db


def asked(user: Any, n: int = 20) -> HttpRequest:
    return http(user, "post", data={"n": n, "csrfmiddlewaretoken": "secret"})


def test_little_is_answered_at_once(user: User) -> None:
    delayed, response = Numbers("Zahlen ü.csv").respond_to(asked(user, 2))
    assert (delayed, response.content) == (False, b"0\r\n1\r\n")
    assert "filename*=utf-8''Zahlen%20%C3%BC.csv" in response["Content-Disposition"]
    assert not FileRequest.objects.exists()


def test_much_is_queued_and_answered_with_the_template(user: User) -> None:
    delayed, response = Numbers("n.csv").respond_to(asked(user))
    request = FileRequest.objects.get()
    assert (delayed, response.content) == (True, f"later: {request.pk}".encode())
    assert (request.criteria, request.file_type) == ("n=20", "numbers")
    assert (request.requester, request.filename) == (user, "n.csv")
    assert request.content_type == "text/csv"


def test_a_request_is_scheduled_when_it_is_committed(
    user: User, django_capture_on_commit_callbacks: Any
) -> None:
    scheduled: list[FileRequest] = []

    class Scheduled(Numbers):
        def schedule(
            self, file_request: FileRequest, http_request: HttpRequest, dataset: Dataset | None
        ) -> None:
            scheduled.append(file_request)

    with django_capture_on_commit_callbacks(execute=True):
        Scheduled("n.csv").respond_to(asked(user))
        assert not scheduled
    assert scheduled == [FileRequest.objects.get()]


@pytest.mark.django_db(transaction=True)
def test_a_queue_that_is_down_leaves_the_request_to_the_command(
    user: User, caplog: pytest.LogCaptureFixture
) -> None:
    class Down(Numbers):
        def schedule(
            self, file_request: FileRequest, http_request: HttpRequest, dataset: Dataset | None
        ) -> None:
            raise ConnectionError("no broker")

    assert Down("n.csv").respond_to(asked(user))[0]
    assert "no broker" in caplog.text
    assert FileRequest.objects.to_handle().count() == 1


def test_who_could_not_fetch_the_file_is_not_let_wait_for_it() -> None:
    with pytest.raises(PermissionDenied):
        Numbers("n.csv").respond_to(asked(AnonymousUser()))


def test_a_file_for_everybody_may_be_asked_for_by_nobody(memory: None) -> None:
    class Open(Numbers):
        requester_only = False

    Open("n.csv").respond_to(asked(AnonymousUser()))
    assert Open.handle(FileRequest.objects.get())
    assert FileRequest.objects.get().state == State.DONE


def test_the_file_is_made_and_its_link_sent(
    anywhere: str, queued: FileRequest, mailoutbox: list[Any]
) -> None:
    assert Numbers.handle(queued)
    found = FileRequest.objects.get()
    assert (found.state, found.attempts, found.size) == (State.DONE, 1, 9)
    assert (found.progress_done, found.progress_total) == (3, 3)
    assert (found.lease, found.leased_until, found.last_error) == ("", None, "")
    assert stored(found) == b"0\r\n1\r\n2\r\n"
    assert found.expires_at
    assert found.expires_at - timezone.now() > timedelta(hours=23)
    (mail,) = mailoutbox
    assert (mail.subject, mail.to) == ("numbers.csv is ready", ["ann@example.com"])
    assert toolbox.decode(mail.body.split("/")[-2])[0] == found


def test_what_is_done_is_not_done_again(done: FileRequest, mailoutbox: list[Any]) -> None:
    before = done.filehandle.name
    assert Numbers.handle(done) is False
    assert FileRequest.objects.get().filehandle.name == before
    assert not mailoutbox


def test_what_somebody_else_has_is_not_done(memory: None, queued: FileRequest) -> None:
    assert FileRequest.objects.get().take()
    assert Numbers.handle(queued) is False
    assert Numbers.handle(FileRequest.objects.get()) is False


class Failing(Numbers):
    def write_bytes(self, dataset: Dataset, buffer: Any) -> None:
        buffer.write(b"half")
        raise OSError("the source broke off")


def test_a_failure_leaves_no_file_and_is_tried_again(
    anywhere: str, queued: FileRequest, mailoutbox: list[Any]
) -> None:
    with pytest.raises(OSError, match="broke off"):
        Failing.handle(queued)
    found = FileRequest.objects.get()
    assert (found.state, found.attempts) == (State.QUEUED, 1)
    assert found.last_error == "OSError: the source broke off"
    assert found.run_after > timezone.now()
    assert not found.filehandle
    assert not found.filehandle.storage.listdir("bgfiles")[1]
    assert not mailoutbox


def test_who_lost_the_lease_leaves_nothing_behind(anywhere: str, queued: FileRequest) -> None:
    class Slow(Numbers):
        def write_bytes(self, dataset: Dataset, buffer: Any) -> None:
            super().write_bytes(dataset, buffer)
            FileRequest.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
            assert FileRequest.objects.get().take()

    with pytest.raises(leases.LeaseLost):
        Slow.handle(queued)
    found = FileRequest.objects.get()
    assert (found.state, found.attempts) == (State.RUNNING, 2)
    assert not found.filehandle
    assert not found.filehandle.storage.listdir("bgfiles")[1]


def test_a_request_that_was_deleted_meanwhile_leaves_no_file(
    memory: None, queued: FileRequest
) -> None:
    class Slow(Numbers):
        def write_bytes(self, dataset: Dataset, buffer: Any) -> None:
            FileRequest.objects.get().delete()
            super().write_bytes(dataset, buffer)

    with pytest.raises(leases.LeaseLost):
        Slow.handle(queued)
    assert not queued.filehandle.storage.listdir("bgfiles")[1]


def test_a_file_whose_requester_is_gone_is_not_made(queued: FileRequest, user: User) -> None:
    user.delete()
    assert Numbers.handle(FileRequest.objects.get()) is False
    found = FileRequest.objects.get()
    assert (found.state, found.last_error) == (State.FAILED, "its requester is gone")


def test_the_requesters_language_and_time_zone_are_spoken(
    memory: None, user: User, mailoutbox: list[Any]
) -> None:
    class Polite(Numbers):
        email_subject = gettext_lazy("January")

        def get_email_text_message(self) -> str:
            return timezone.get_current_timezone_name()

    registry.register(Polite, ["numbers"])
    with translation.override("de"), timezone.override("Asia/Tokyo"):
        toolbox.add_request("n=1", "numbers", user, filename="a.csv")
    request = queue.claim()
    assert request
    queue.perform(request)
    assert (mailoutbox[0].subject, mailoutbox[0].body) == ("Januar", "Asia/Tokyo")


def test_the_plain_pattern_asks_for_what_it_needs(queued: FileRequest) -> None:
    with pytest.raises(NotImplementedError):
        FullPattern().get_items(None)  # type: ignore[arg-type]
    with pytest.raises(NotImplementedError):
        FullPattern().write_bytes(Dataset(None), None)  # type: ignore[arg-type]


def test_writing_keeps_the_lease(memory: None, queued: FileRequest) -> None:
    class Silent(Numbers):
        def write_bytes(self, dataset: Dataset, buffer: Any) -> None:
            FileRequest.objects.update(leased_until=timezone.now())
            buffer.write(b"1")

    Silent.email_subject = None
    seen: list[Any] = []

    class Watching(Silent):
        def write_bytes(self, dataset: Dataset, buffer: Any) -> None:
            super().write_bytes(dataset, buffer)
            seen.append(FileRequest.objects.get().leased_until)

    Watching.handle(queued)
    assert seen[0] > timezone.now() + timedelta(minutes=10)


@pytest.mark.usefixtures("buckets")
def test_files_of_requests_are_no_orphans(
    buckets: Buckets, queued: FileRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    from django.core.management import call_command

    Numbers.handle(queued)
    call_command("clean_orphaned_minio_files", interactive=False, older_than=0)
    assert stored(queued)


def test_a_page_that_is_not_there_adds_no_request(user: User) -> None:
    class Pageless(Numbers):
        delayed_template_name = ""

    class Misspelt(Numbers):
        delayed_template_name = "delaid.html"

    with pytest.raises(ImproperlyConfigured, match="Pageless has no delayed_template_name"):
        Pageless("a.csv").respond_to(asked(user))
    with pytest.raises(TemplateDoesNotExist):
        Misspelt("a.csv").respond_to(asked(user))
    assert not FileRequest.objects.exists()
