from __future__ import annotations

import datetime
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3
from django.core.files.base import ContentFile

from django_minio_backend import MinioBackend, transport
from tests.conftest import Buckets, Recorder
from tests.proxy import prefix_proxy
from tools.minio_server import Server

Fetch = Callable[..., urllib3.BaseHTTPResponse]


def test_a_private_object_is_only_for_who_holds_the_link(
    storage: MinioBackend, fetch: Fetch
) -> None:
    storage.save("a.txt", ContentFile(b"private"))
    link = storage.url("a.txt")
    assert fetch(link).data == b"private"
    assert fetch(link.partition("?")[0]).status == 403
    assert fetch(link.replace("a.txt", "b.txt")).status == 403
    assert fetch(link, "DELETE").status == 403
    assert fetch(link[:-1] + ("0" if link[-1] != "0" else "1")).status == 403


def test_a_public_link_has_no_signature(public_storage: MinioBackend, fetch: Fetch) -> None:
    public_storage.save("a b.txt", ContentFile(b"public"))
    link = public_storage.url("a b.txt")
    assert link == f"{public_storage.base_url}/{public_storage.bucket}/a%20b.txt"
    assert fetch(link).data == b"public"


def test_a_link_lives_as_long_as_configured(
    buckets: Buckets, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    hour = datetime.timedelta(hours=1)
    storage = MinioBackend(MINIO_URL_EXPIRY_HOURS=hour)
    storage.save("a.txt", ContentFile(b"x"))
    link = storage.url("a.txt")
    assert parse_qs(urlsplit(link).query)["X-Amz-Expires"] == ["3600"]
    earlier = datetime.datetime.now(datetime.UTC) - hour - datetime.timedelta(seconds=5)
    monkeypatch.setattr("django_minio_backend.links.utc_now", lambda: earlier)
    assert fetch(storage.url("a.txt")).status == 403


def test_links_are_for_the_external_endpoint(buckets: Buckets, recorder: Recorder) -> None:
    storage = MinioBackend(
        MINIO_EXTERNAL_ENDPOINT="files.example.com",
        MINIO_EXTERNAL_ENDPOINT_USE_HTTPS=True,
        http_client=recorder,
    )
    assert storage.url("a.txt").startswith(f"https://files.example.com/{storage.bucket}/a.txt?")
    assert recorder.requests == []


def test_a_proxy_may_serve_the_server_below_a_path(
    buckets: Buckets, server: Server, fetch: Fetch
) -> None:
    with prefix_proxy(server.endpoint, "/files") as endpoint:
        for bucket in (buckets.private, buckets.public):
            storage = MinioBackend(bucket, MINIO_EXTERNAL_ENDPOINT=f"http://{endpoint}/files/")
            storage.save("a b/ü.txt", ContentFile(b"through the proxy"))
            link = storage.url("a b/ü.txt")
            assert link.startswith(f"http://{endpoint}/files/{bucket}/a%20b/%C3%BC.txt")
            assert fetch(link).data == b"through the proxy"
        assert fetch(link.replace("/files", "")).status == 404


def test_links_need_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport.Transport, "send", pytest.fail)
    assert "X-Amz-Signature=" in MinioBackend().url("a.txt")
    assert "no-server-listens-here" not in MinioBackend().url("a.txt")
