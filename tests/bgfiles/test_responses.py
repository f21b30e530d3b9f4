from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
import urllib3
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.middleware.gzip import GZipMiddleware
from django.test import AsyncClient, Client

from django_minio_backend.bgfiles import responses, toolbox
from django_minio_backend.bgfiles.models import FileRequest
from django_minio_backend.bgfiles.views import (
    serve_file,
)
from tests.bgfiles.conftest import CONTENT, Numbers, body, http
from tests.conftest import Buckets

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_file_that_is_being_made_is_a_409(queued: FileRequest, user: User, state: str) -> None:
    token = toolbox.create_token(queued)
    if state == "running":
        assert queued.take()
    response: Any = serve_file(http(user), token)
    assert (response.status_code, response.content) == (409, b"The file is still being made.\n")


def test_a_file_that_could_not_be_made_is_a_410(queued: FileRequest, user: User) -> None:
    queued.fail("no")
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
    monkeypatch.setattr(responses, "_BLOCK", 4)
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
