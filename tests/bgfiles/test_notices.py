from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from django_minio_backend.bgfiles import toolbox, worker
from django_minio_backend.bgfiles.models import FileRequest, State
from django_minio_backend.bgfiles.patterns import registry
from tests.bgfiles.conftest import Numbers

pytestmark = pytest.mark.django_db


def test_an_email_that_fails_does_not_make_the_file_again(
    memory: None, queued: FileRequest, caplog: pytest.LogCaptureFixture
) -> None:
    class Unheard(Numbers):
        def get_email_recipients(self, file_request: FileRequest) -> list[str]:
            raise ConnectionError("no mail server")

    assert Unheard.handle(queued)
    found = FileRequest.objects.get()
    assert (found.state, found.attempts) == (State.DONE, 1)
    assert found.last_error == "ConnectionError: no mail server"
    assert "no e-mail was sent" in caplog.text
    assert not FileRequest.objects.to_handle().exists()


def test_an_email_that_is_interrupted_is_recorded(memory: None, queued: FileRequest) -> None:
    class Slow(Numbers):
        def get_email_recipients(self, file_request: FileRequest) -> list[str]:
            raise worker.Interrupted

    registry.register(Slow, ["numbers"])
    assert list(worker.work()) == []
    found = FileRequest.objects.get()
    assert (found.state, found.last_error) == (State.DONE, "Interrupted: ")


def test_nobody_is_written_to_without_a_subject_or_an_address(
    memory: None, user: User, mailoutbox: list[Any]
) -> None:
    class Silent(Numbers):
        email_subject = None

    Silent.handle(toolbox.add_request("n=1", "numbers", user, filename="a.csv"))
    User.objects.update(email="")
    Numbers.handle(FileRequest.objects.create(criteria="n=1", requester_id=user.pk))
    assert not mailoutbox


def test_names_in_emails_are_escaped_and_stay_one_line(
    memory: None, user: User, mailoutbox: list[Any]
) -> None:
    class Html(Numbers):
        email_html_message = "<b>%(filename)s</b> <a href='%(download_url)s'>fetch</a>"
        download_url = "https://example.com/get/%(token)s"

    Html.handle(toolbox.add_request("n=1", "numbers", user, filename="<i>\r\nBcc: x.csv"))
    (mail,) = mailoutbox
    assert mail.subject == "<i> Bcc: x.csv is ready"
    html = mail.alternatives[0][0]
    assert html.startswith("<b>&lt;i&gt;\r\nBcc: x.csv</b> <a href='https://example.com/get/")


def test_a_token_is_not_in_what_is_said_of_a_failed_notice(
    memory: None, queued: FileRequest, caplog: pytest.LogCaptureFixture
) -> None:
    sent: list[str] = []

    class ByChat(Numbers):
        def send_notification(self, file_request: FileRequest, token: str) -> int:
            sent.append(token)
            raise ConnectionError(f"POST https://chat.example.com/?url=/files/{token}/ failed")

    ByChat.handle(queued)
    queued.refresh_from_db()
    assert queued.last_error.startswith("ConnectionError: POST https://chat.example.com/")
    assert sent[0] not in queued.last_error + caplog.text
