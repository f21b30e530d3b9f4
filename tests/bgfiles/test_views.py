from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from django.contrib.auth.models import User
from django.http import Http404, HttpResponse
from django.test import Client
from django.urls import path
from django.utils import timezone

from django_minio_backend.bgfiles import toolbox
from django_minio_backend.bgfiles.models import FileRequest
from django_minio_backend.bgfiles.patterns import registry
from django_minio_backend.bgfiles.views import (
    SignatureHasExpired,
    SuspiciousToken,
    UserIsNotRequester,
    download,
    serve_file,
    status,
)
from tests.bgfiles import urls
from tests.bgfiles.conftest import CONTENT, Numbers, body, http

pytestmark = pytest.mark.django_db


def test_the_requester_gets_the_file(done: FileRequest, user: User) -> None:
    response: Any = serve_file(http(user), toolbox.create_token(done))
    assert (response.status_code, body(response)) == (200, CONTENT)
    assert response["Content-Disposition"] == 'attachment; filename="numbers.csv"'
    assert response["Content-Type"] == "text/csv"
    assert response["Content-Length"] == "9"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cache-Control"] == "private, no-store"


def test_a_token_shown_by_somebody_else_is_refused(done: FileRequest, other: User) -> None:
    token = toolbox.create_token(done)
    for somebody in (other, None):
        with pytest.raises(UserIsNotRequester):
            serve_file(http(somebody), token)
    # The text of the specification: without verification whoever has the token gets the file.
    assert body(serve_file(http(other), token, verify_requester=False)) == CONTENT


def test_a_general_token_is_anybodys_where_the_view_says_so(done: FileRequest) -> None:
    token = toolbox.create_general_token(done)
    open_to_all: Any = {"require_requester": False, "verify_requester": False}
    assert body(serve_file(http(), token, **open_to_all)) == CONTENT
    with pytest.raises(SuspiciousToken):
        serve_file(http(), token, require_requester=True, verify_requester=False)
    with pytest.raises(UserIsNotRequester):
        serve_file(http(), token, require_requester=False, verify_requester=True)


def test_a_request_without_a_requester_is_not_everybodys(done: FileRequest, user: User) -> None:
    token = toolbox.create_general_token(done)
    user.delete()
    with pytest.raises(UserIsNotRequester):
        serve_file(http(), token, require_requester=False)


def test_the_token_of_one_request_opens_no_other(done: FileRequest, user: User) -> None:
    second = toolbox.add_request("n=1", "numbers", user, filename="second.csv")
    Numbers.handle(second)
    assert body(serve_file(http(user), toolbox.create_token(second))) == b"0\r\n"


def test_an_expired_token_is_told_apart_from_a_wrong_one(
    done: FileRequest, user: User, settings: Any
) -> None:
    with pytest.raises(SuspiciousToken):
        serve_file(http(user), "nonsense")
    token = toolbox.create_token(done)
    settings.BGFILES_DEFAULT_MAX_AGE = -1
    with pytest.raises(SignatureHasExpired):
        serve_file(http(user), token)


def test_a_file_that_has_expired_is_refused_whatever_its_token(
    done: FileRequest, user: User
) -> None:
    token = toolbox.create_token(done)
    FileRequest.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(SignatureHasExpired):
        serve_file(http(user), token)


def test_a_request_that_was_removed_is_not_found(done: FileRequest, user: User) -> None:
    token = toolbox.create_token(done)
    done.delete()
    with pytest.raises(Http404):
        serve_file(http(user), token)


def test_refusals_are_logged_without_the_token(
    done: FileRequest, other: User, caplog: pytest.LogCaptureFixture
) -> None:
    token = toolbox.create_token(done)
    with caplog.at_level(logging.WARNING, "django_minio_backend.bgfiles"):
        with pytest.raises(UserIsNotRequester):
            serve_file(http(other), token)
        with pytest.raises(SuspiciousToken) as refused:
            serve_file(http(other), token[:-1])
    assert [record.getMessage() for record in caplog.records] == [
        f"File request {done.pk} refused: The file is somebody else's.",
        "File request ? refused: The token is not valid.",
    ]
    assert refused.value.__suppress_context__, "Django's message quotes the signature"


def test_the_apps_own_view_holds_a_requesters_token_to_its_requester(
    done: FileRequest, user: User, other: User
) -> None:
    token = toolbox.create_token(done)
    assert body(download(http(user), token)) == CONTENT
    with pytest.raises(UserIsNotRequester):
        download(http(other), token)
    assert body(download(http(), toolbox.create_general_token(done))) == CONTENT


def test_the_apps_own_urls_are_reversed_and_refuse_strangers(
    done: FileRequest, client: Client
) -> None:
    token = toolbox.create_token(done)
    url = Numbers().get_download_url(done, token)
    assert url == f"/files/{token}/"
    assert client.get(url).status_code == 403
    assert client.get("/files/nonsense/").status_code == 400


def polled(asking: Any, **named: Any) -> Any:
    response = status(asking, **named)
    assert "no-store" in response["Cache-Control"]
    return json.loads(response.content)


def test_the_requester_sees_how_far_it_is(memory: None, queued: FileRequest, user: User) -> None:
    assert polled(http(user), pk=queued.pk) == {"state": "queued", "done": 0, "total": None}
    assert queued.take()
    queued.report(2, 3)
    assert polled(http(user), pk=queued.pk) == {"state": "running", "done": 2, "total": 3}
    Numbers().create_file(queued)
    answer = polled(http(user), pk=queued.pk)
    assert (answer["state"], answer["done"], answer["total"]) == ("done", 3, 3)
    token = answer["url"].split("/")[-2]
    assert body(serve_file(http(user), token)) == CONTENT


def test_polling_does_not_let_the_file_live_longer(done: FileRequest, user: User) -> None:
    before = done.expires_at
    polled(http(user), pk=done.pk)
    assert FileRequest.objects.get().expires_at == before


def test_nobody_else_sees_how_far_it_is(queued: FileRequest, other: User) -> None:
    for somebody in (other, None):
        with pytest.raises(Http404):
            status(http(somebody), pk=queued.pk)
    with pytest.raises(UserIsNotRequester):
        status(http(other), token=toolbox.create_token(queued))


def test_who_has_a_general_token_sees_how_far_it_is(done: FileRequest) -> None:
    token = toolbox.create_general_token(done)
    assert polled(http(), token=token)["url"] == f"/files/{token}/"


def test_an_expired_file_has_no_link(done: FileRequest, user: User) -> None:
    FileRequest.objects.update(expires_at=timezone.now())
    assert "url" not in polled(http(user), pk=done.pk)


def test_a_type_that_nobody_registered_is_served_as_well(
    memory: None, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "handlers", {})
    request = toolbox.add_request(file_type="by hand", requester=user)
    toolbox.attach_file(request, b"1", filename="1.txt")
    assert polled(http(user), pk=request.pk)["url"]


def test_the_apps_own_urls_know_the_signers_of_patterns(
    memory: None, queued: FileRequest, user: User
) -> None:
    class Signed(Numbers):
        signer = toolbox.Signer(key="mine", max_age=60)

    registry.register(Signed, ["numbers"])
    Signed.handle(queued)
    url = json.loads(status(http(user), pk=queued.pk).content)["url"]
    token = url.rstrip("/").rpartition("/")[2]
    assert body(download(http(user), token)) == CONTENT
    with pytest.raises(SuspiciousToken):
        download(http(user), token[:-1] + ("A" if token[-1] != "A" else "B"))


def login(request: Any) -> HttpResponse:
    return HttpResponse("log in")


class WithLogin:
    urlpatterns = [*urls.urlpatterns, path("accounts/login/", login)]


def test_who_is_logged_out_is_sent_to_log_in_and_comes_back(
    done: FileRequest, user: User, other: User, settings: Any
) -> None:
    token = toolbox.create_token(done)
    link = f"/files/{token}/"
    assert Client().get(link).status_code == 403  # there is no page for it
    settings.ROOT_URLCONF = WithLogin
    answer = Client().get(link)
    assert (answer.status_code, unquote(answer["Location"])) == (
        302,
        f"/accounts/login/?next={link}",
    )
    with pytest.raises(UserIsNotRequester):
        download(http(other), token)
    assert body(download(http(user), token)) == CONTENT
    assert Client().get(f"{link}status/").status_code == 403


def test_a_pages_link_stays_on_the_pages_host(
    done: FileRequest, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for address, expected in (
        ("https://mail.example.com/files/%(token)s/", "/files/"),
        ("https://files.example.com/elsewhere/%(token)s", "https://files.example.com/elsewhere/"),
    ):
        monkeypatch.setattr(Numbers, "download_url", address)
        answer = json.loads(status(http(user), pk=done.pk).content)
        assert answer["url"].startswith(expected)
        mailed = Numbers().get_download_url(done, "token")
        assert mailed == address % {"token": "token"}
