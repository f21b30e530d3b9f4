"""Parts that somebody else sends, on MinIO and on other servers."""

from __future__ import annotations

import base64
import hashlib
import os
from typing import Any

import pytest
from django.core.files.base import ContentFile
from minio.sse import SseCustomerKey

from django_minio_backend import MinioBackend
from django_minio_backend.errors import (
    ConfigurationError,
    ObjectChanged,
    ObjectExists,
    ObjectNotFound,
    StorageError,
    UploadNotFound,
)
from django_minio_backend.s3 import multipart
from django_minio_backend.storage.links import PartLinks
from tests.conftest import Buckets, Fetch, Recorder
from tests.sizes import MIB
from tests.storage.conftest import unfinished_uploads
from tools.minio_server import Server

SIZES = [5 * MIB, 3]


def make_link(links: PartLinks, number: int) -> str:
    signature = links.signatures[number - 1]
    return f"{links.url}&partNumber={number}&X-Amz-Signature={signature}"


@pytest.fixture(params=["server", "other_server"])
def either(request: pytest.FixtureRequest, buckets: Buckets) -> MinioBackend:
    server: Server = request.getfixturevalue(request.param)
    storage = MinioBackend(
        **server.options, MINIO_DEFAULT_BUCKET=buckets.private, replace_existing=True
    )
    storage.check_bucket_existence()
    return storage


def test_a_browser_sends_parts_that_django_finishes(either: MinioBackend, fetch: Fetch) -> None:
    data = os.urandom(sum(SIZES))
    upload_id = either.start_parts("videos/a.mp4", "video/mp4")
    links = either.sign_parts("videos/a.mp4", upload_id, SIZES, 60)
    first, second = data[: SIZES[0]], data[SIZES[0] :]
    for number, part in ((2, second), (1, first)):
        answer = fetch(make_link(links, number), "PUT", body=part, headers=links.headers)
        assert answer.status == 200, answer.data
    assert not either.exists("videos/a.mp4")
    parts = either.list_parts("videos/a.mp4", upload_id)
    assert [(part.number, part.size) for part in parts] == [(1, SIZES[0]), (2, SIZES[1])]
    either.finish_parts("videos/a.mp4", upload_id, parts)
    assert either.open("videos/a.mp4").read() == data
    assert either.stat("videos/a.mp4").content_type == "video/mp4"
    with pytest.raises(UploadNotFound):
        either.list_parts("videos/a.mp4", upload_id)


def test_a_link_takes_its_part_alone(either: MinioBackend, fetch: Fetch) -> None:
    either.save("secret.txt", ContentFile(b"s" * 6 * MIB))
    upload_id = either.start_parts("a.bin")
    links = either.sign_parts("a.bin", upload_id, SIZES, 60)
    part = b"x" * SIZES[1]
    source = {"x-amz-copy-source": f"/{either.bucket}/secret.txt"}
    for number, body, headers in (
        (2, part + b"x", links.headers),  # too large
        (2, part[:-1], links.headers),  # too small
        (2, part, {}),  # without the header that prevents copies
        (2, part, {**links.headers, **source}),  # somebody else's object
        (2, b"", {**links.headers, **source}),
        (2, part, {**links.headers, **source, "x-amz-copy-source-if-none-match": "x"}),
    ):
        answer = fetch(make_link(links, number), "PUT", body=body, headers=headers)
        assert answer.status in {400, 403, 412}, answer.data
    third = make_link(links, 2).replace("partNumber=2", "partNumber=3")
    assert fetch(third, "PUT", body=part, headers=links.headers).status == 403
    assert either.list_parts("a.bin", upload_id) == []
    either.abort_parts("a.bin", upload_id)
    either.abort_parts("a.bin", upload_id)


def test_minio_checks_a_part_against_the_checksum_of_the_browser(
    storage: MinioBackend, fetch: Fetch
) -> None:
    upload_id = storage.start_parts("a.bin")
    assert storage.checks_parts
    links = storage.sign_parts("a.bin", upload_id, [3], 60)

    def send(body: bytes) -> int:
        checksum = base64.b64encode(hashlib.sha256(b"abc").digest()).decode()
        headers = {**links.headers, "x-amz-checksum-sha256": checksum}
        return fetch(make_link(links, 1), "PUT", body=body, headers=headers).status

    assert (send(b"abd"), send(b"abc")) == (400, 200)
    storage.finish_parts("a.bin", upload_id, storage.list_parts("a.bin", upload_id))
    assert storage.open("a.bin").read() == b"abc"


def test_many_parts_are_listed_in_pages(
    storage: MinioBackend, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id = storage.start_parts("a.bin")
    links = storage.sign_parts("a.bin", upload_id, [1] * 3, 60)
    for number in (1, 2, 3):
        fetch(make_link(links, number), "PUT", body=b"x", headers=links.headers)
    send = storage.s3.transport.send

    def send_small_pages(method: str, key: str, *, query: Any = (), **others: Any) -> Any:
        return send(method, key, query=[*query, ("max-parts", "1")], **others)

    monkeypatch.setattr(storage.s3.transport, "send", send_small_pages)
    assert [part.number for part in storage.list_parts("a.bin", upload_id)] == [1, 2, 3]
    monkeypatch.setattr(multipart, "_read_part", lambda element: multipart.StoredPart(1, 1, "e"))
    with pytest.raises(StorageError, match="leads in circles"):
        storage.list_parts("a.bin", upload_id)


def test_making_links_needs_no_request_and_their_number_little_room(
    buckets: Buckets, recorder: Recorder
) -> None:
    storage = MinioBackend(http_client=recorder)
    links = storage.sign_parts("a.bin", "id", [5 * MIB] * 1000, 60)
    assert recorder.requests == []
    assert len(links.signatures) == 1000
    assert "Signature" not in repr(links)


def test_a_key_that_the_client_holds_is_given_to_no_browser(buckets: Buckets) -> None:
    storage = MinioBackend(sse=SseCustomerKey(b"k" * 32))
    with pytest.raises(ConfigurationError, match="a key that browsers must not have"):
        storage.start_parts("a.bin")


@pytest.mark.parametrize(
    ("size", "requests"), [(0, 3), (7, 3), (2 * MIB, 4)], ids=["empty", "small", "large"]
)
def test_the_server_copies_a_file_to_a_free_name(
    buckets: Buckets, recorder: Recorder, size: int, requests: int
) -> None:
    buckets.change(MINIO_OBJECT_HEADERS={"Cache-Control": "private"})
    storage = MinioBackend(http_client=recorder)
    data = os.urandom(size)
    storage.save("from.bin", ContentFile(data))
    etag = storage.stat("from.bin").etag
    recorder.requests.clear()
    storage.copy_file("from.bin", "to.txt", etag=etag, content_type="text/html")
    # An empty object has no range, so one more request asks for it.
    assert len(recorder.requests) in {requests, requests + (not size)}
    assert storage.open("to.txt").read() == data
    assert storage.stat("to.txt").content_type.startswith("text/plain")
    assert storage.stat("to.txt").metadata["Cache-Control"] == "private"
    with pytest.raises(ObjectExists):
        storage.copy_file("from.bin", "to.txt")
    with pytest.raises(ObjectChanged):
        storage.copy_file("from.bin", "other.txt", etag="another")
    with pytest.raises(ObjectNotFound):
        storage.copy_file("missing.bin", "other.txt")
    assert not storage.exists("other.txt")
    assert unfinished_uploads(storage) == 0


def test_a_new_file_gets_its_very_name_or_none(buckets: Buckets) -> None:
    buckets.change(MINIO_GZIP=["text/*"])
    storage = MinioBackend(replace_existing=True)
    text = b"text " * 100
    storage.save_new("a.txt", ContentFile(text))
    storage.save_new("b.txt", ContentFile(text), may_compress=False)
    assert storage.stat("a.txt").size < storage.stat("b.txt").size == len(text)
    with pytest.raises(ObjectExists):
        storage.save_new("a.txt", ContentFile(b"other"))
    assert storage.open("a.txt").read() == text


def test_content_that_is_on_the_server_copies_itself(storage: MinioBackend) -> None:
    class Stored(ContentFile):  # type: ignore[type-arg]
        def copy_to(self, target: MinioBackend, name: str, max_length: int | None) -> str:
            assert (target, max_length) == (storage, 100)
            return f"copied/{name}"

    assert storage.save("a.txt", Stored(b"", name="b.txt"), max_length=100) == "copied/a.txt"
    assert storage.save(None, Stored(b"", name="b.txt"), max_length=100) == "copied/b.txt"
