from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import urllib3
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.http import Http404
from django.middleware.gzip import GZipMiddleware
from django.test import AsyncClient, Client
from django.utils import timezone

from django_minio_backend.bgfiles import leases, serving, toolbox
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
from tests.bgfiles.conftest import Numbers, body, http
from tests.conftest import Buckets

pytestmark = pytest.mark.django_db
CONTENT = b"0\r\n1\r\n2\r\n"


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


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_file_that_is_being_made_is_a_409(queued: FileRequest, user: User, state: str) -> None:
    token = toolbox.create_token(queued)
    if state == "running":
        assert leases.take(queued)
    response: Any = serve_file(http(user), token)
    assert (response.status_code, response.content) == (409, b"The file is still being made.\n")


def test_a_file_that_could_not_be_made_is_a_410(queued: FileRequest, user: User) -> None:
    leases.fail(queued, "no")
    response: Any = serve_file(http(user), toolbox.create_token(queued))
    assert (response.status_code, response.content) == (410, b"The file could not be made.\n")


def test_a_file_that_is_gone_is_a_410(anywhere: str, queued: FileRequest, user: User) -> None:
    Numbers.handle(queued)
    queued.filehandle.storage.delete(queued.filehandle.name or "")
    response: Any = serve_file(http(user), toolbox.create_token(queued))
    assert (response.status_code, response.content) == (410, b"The file is gone.\n")


@pytest.mark.parametrize(
    ("asked", "status", "content", "told"),
    [
        ("bytes=3-4", 206, b"1\r", "bytes 3-4/9"),
        ("bytes=-2", 206, b"\r\n", "bytes 7-8/9"),
        ("bytes=99-", 416, b"", "bytes */9"),
        ("nonsense", 200, CONTENT, None),
    ],
)
def test_ranges_are_served(
    done: FileRequest, user: User, asked: str, status: int, content: bytes, told: str | None
) -> None:
    asking = http(user, HTTP_RANGE=asked)
    response: Any = serve_file(asking, toolbox.create_token(done))
    assert (response.status_code, body(response)) == (status, content)
    assert response.get("Content-Range") == told
    if status != 416:
        assert response["Accept-Ranges"] == "bytes"
        assert response["Content-Length"] == str(len(content))


def test_a_download_goes_on_only_while_the_file_is_the_same(done: FileRequest, user: User) -> None:
    token = toolbox.create_token(done)
    etag = serve_file(http(user), token)["ETag"]

    def further() -> Any:
        return serve_file(http(user, HTTP_RANGE="bytes=3-", HTTP_IF_RANGE=etag), token)

    assert (further().status_code, body(further())) == (206, CONTENT[3:])
    toolbox.attach_file(done, b"another content")
    assert (further().status_code, body(further())) == (200, b"another content")


def test_asgi_gets_the_blocks_one_by_one(
    done: FileRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_BLOCK", 4)
    url = f"/files/{toolbox.create_general_token(done)}/"

    async def fetched() -> list[bytes]:
        response: Any = await AsyncClient().get(url)
        return [block async for block in response.streaming_content]

    assert async_to_sync(fetched)() == [b"0\r\n1", b"\r\n2\r", b"\n"]


def test_head_is_answered_without_opening_the_file(done: FileRequest, user: User) -> None:
    response: Any = serve_file(http(user, "head"), toolbox.create_token(done))
    assert (response.status_code, response["Content-Length"], body(response)) == (200, "9", b"")


def test_names_and_types_of_users_cannot_add_headers_or_pages(
    done: FileRequest, user: User
) -> None:
    done.filename = 'a"b\r\nSet-Cookie: x=1\r\n/../c\\d.html'
    done.content_type = "text/html\r\nX-Bad: 1"
    done.save()
    response: Any = serve_file(http(user), toolbox.create_token(done))
    assert response["Content-Disposition"] == 'attachment; filename="d.html"'
    assert response["Content-Type"] == "application/octet-stream"
    assert "X-Bad" not in response


def test_a_private_bucket_of_ours_is_redirected_to(
    buckets: Buckets, queued: FileRequest, user: User, fetch: Callable[..., Any]
) -> None:
    queued.filename = "Übersicht 1.csv"
    queued.save()
    Numbers.handle(queued)
    token = toolbox.create_token(queued)
    response: Any = serve_file(http(user), token)
    assert response.status_code == 302
    assert response["Cache-Control"] == "private, no-store"
    assert "X-Amz-Expires=60" in response.url
    answer: urllib3.BaseHTTPResponse = fetch(response.url)
    assert (answer.status, answer.data) == (200, CONTENT)
    assert answer.headers["Content-Type"] == "text/csv"
    disposition = answer.headers["Content-Disposition"]
    assert disposition == "attachment; filename*=utf-8''%C3%9Cbersicht%201.csv"
    head: Any = serve_file(http(user, "head"), token)
    assert fetch(head.url, "HEAD").status == 200


def test_a_public_bucket_is_streamed_as_the_token_would_be_pointless_else(
    buckets: Buckets, queued: FileRequest, user: User
) -> None:
    buckets.change(MINIO_DEFAULT_BUCKET=buckets.public)
    Numbers.handle(queued)
    response: Any = serve_file(http(user, HTTP_RANGE="bytes=0-1"), toolbox.create_token(queued))
    assert (response.status_code, body(response)) == (206, b"0\r")


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
    assert leases.take(queued)
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


@pytest.mark.parametrize(
    ("method", "header"), [("get", f"bytes={'9' * 5000}-"), ("head", "bytes=0-1")]
)
def test_what_is_no_range_is_none(done: FileRequest, user: User, method: str, header: str) -> None:
    request = http(user, method, HTTP_RANGE=header)
    assert serve_file(request, toolbox.create_token(done)).status_code == 200


def test_a_part_is_not_compressed_on_its_way(done: FileRequest, user: User) -> None:
    toolbox.attach_file(done, b"a" * 5000)
    token = toolbox.create_token(done)
    request = http(user, HTTP_RANGE="bytes=0-999", HTTP_ACCEPT_ENCODING="gzip")
    response: Any = GZipMiddleware(lambda request: serve_file(request, token))(request)
    assert (response.status_code, body(response)) == (206, b"a" * 1000)


def test_a_token_that_works_later_is_not_in_djangos_log(
    memory: None,
    client: Client,
    queued: FileRequest,
    caplog: pytest.LogCaptureFixture,
    settings: Any,
) -> None:
    settings.DEBUG = False
    token = toolbox.create_general_token(queued)
    with caplog.at_level(logging.INFO):
        assert client.get(f"/files/{token}/").status_code == 409
    assert token not in caplog.text


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
