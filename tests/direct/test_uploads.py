from __future__ import annotations

import dataclasses
import os
import time
from typing import Any

import pytest
import urllib3
from django.core.exceptions import ValidationError
from django.core.signing import SignatureExpired

from django_minio_backend import MinioBackend
from django_minio_backend.direct import uploads
from django_minio_backend.direct.files import SMALL, Receipt
from django_minio_backend.direct.targets import Target
from django_minio_backend.direct.uploads import MIB, Ticket
from tests.conftest import Buckets, Fetch, Recorder
from tests.direct.conftest import list_pending
from tests.storage.conftest import unfinished_uploads

GIB = 2**30


@pytest.mark.parametrize("size", [SMALL + 1, 300 * MIB, 20 * GIB, 62 * GIB, 600 * GIB, 5 * 2**40])
def test_parts_are_few_and_cover_the_file(size: int) -> None:
    part_size = uploads.choose_part_size(size)
    parts = -(-size // part_size)
    assert SMALL <= part_size <= 5 * GIB
    assert parts <= (1000 if size <= 62 * GIB else 10_000)
    ticket = Ticket("id", "", Target(), "a", size, "a/b", "upload")
    assert sum(ticket.part_sizes) == size
    assert len(ticket.part_sizes) == parts


def send_part(plan: dict[str, Any], number: int, body: bytes, fetch: Fetch) -> int:
    url = f"{plan['url']}&partNumber={number}&X-Amz-Signature={plan['signatures'][number - 1]}"
    return fetch(url, "PUT", body=body, headers=plan["headers"]).status


def test_a_large_upload_takes_few_requests_and_goes_on_where_it_was(
    buckets: Buckets, recorder: Recorder, fetch: Fetch
) -> None:
    buckets.change(MINIO_HTTP_CLIENT=recorder)
    MinioBackend().exists("x")  # the server has said what it is
    recorder.requests.clear()
    data = os.urandom(2 * SMALL + 5)
    plan = uploads.begin(Target(), "7", "big.bin", len(data), "")
    assert recorder.methods == ["POST"]
    ticket = Ticket.from_token(plan["ticket"])
    assert plan["checksums"]
    assert send_part(plan, 2, data[SMALL : 2 * SMALL], fetch) == 200
    recorder.requests.clear()
    resumed = uploads.resume(ticket)
    assert (resumed["arrived"], recorder.methods) == ([2], ["GET"])
    with pytest.raises(ValidationError, match="1 of 3 have arrived"):
        uploads.finish(ticket)
    assert send_part(resumed, 1, data[:SMALL], fetch) == 200
    assert send_part(resumed, 3, data[2 * SMALL :], fetch) == 200
    recorder.requests.clear()
    finished = uploads.finish(ticket)
    assert recorder.methods == ["GET", "POST", "HEAD"]
    receipt = Receipt.from_token(finished["receipt"])
    assert (receipt.user, receipt.name, receipt.size) == ("7", "big.bin", len(data))
    assert MinioBackend().open(ticket.pending_name).read() == data
    # The response may have been lost.
    assert Receipt.from_token(uploads.finish(ticket)["receipt"]) == receipt
    with pytest.raises(ValidationError, match="The upload is gone"):
        uploads.resume(ticket)


def post(plan: dict[str, Any], content: bytes, **changes: str) -> int:
    fields = {**plan["fields"], **changes, "file": ("x", content)}
    with urllib3.PoolManager(retries=False) as http:
        return http.request("POST", plan["url"], fields=fields).status


def test_a_small_upload_is_one_form_of_exactly_its_size(
    buckets: Buckets, recorder: Recorder
) -> None:
    buckets.change(MINIO_HTTP_CLIENT=recorder)
    plan = uploads.begin(Target(), "", "a.txt", 5, "text/html")
    assert recorder.requests == []
    ticket = Ticket.from_token(plan["ticket"])
    assert ticket.content_type == "text/plain"
    assert uploads.resume(ticket)["arrived"] == []
    with pytest.raises(ValidationError, match="The upload is gone"):
        uploads.finish(ticket)
    pending = ticket.pending_name
    for content, changes in (
        (b"hello!", {}),
        (b"hell", {}),
        (b"hello", {"key": "elsewhere.txt"}),
        (b"hello", {"key": "${filename}"}),
        (b"hello", {"Content-Type": "text/html"}),
        (b"hello", {"x-amz-meta-a": "b"}),
    ):
        assert post(plan, content, **changes) in {400, 403}
    assert not MinioBackend().exists(pending)
    assert post(plan, b"hello") == 204
    recorder.requests.clear()
    assert Receipt.from_token(uploads.finish(ticket)["receipt"]).size == 5
    assert recorder.methods == ["GET"]


def test_resuming_does_not_prolong_an_upload(buckets: Buckets, settings: Any) -> None:
    plan = uploads.begin(Target(), "", "a.txt", 5, "")
    ticket = dataclasses.replace(Ticket.from_token(plan["ticket"]), begun=int(time.time()) - 3601)
    resumed = Ticket.from_token(uploads.resume(ticket)["ticket"])
    assert resumed == ticket
    settings.DIRECT_UPLOADS_MAX_AGE = 3600
    with pytest.raises(SignatureExpired, match="began too long ago"):
        Ticket.from_token(resumed.to_token())


@pytest.mark.parametrize("size", [3, SMALL + 1])
def test_cancelling_leaves_nothing(storage: MinioBackend, fetch: Fetch, size: int) -> None:
    plan = uploads.begin(Target(), "", "a.bin", size, "")
    ticket = Ticket.from_token(plan["ticket"])
    if size == 3:
        post(plan, b"abc")
    else:
        send_part(plan, 2, b"x", fetch)
    for _ in range(2):
        uploads.cancel(ticket)
    assert unfinished_uploads(storage) == 0
    assert list_pending(storage) == []


def test_a_refused_file_begins_nothing(buckets: Buckets, recorder: Recorder) -> None:
    buckets.change(MINIO_HTTP_CLIENT=recorder)
    for target in (Target(max_size=9), Target(content_types=("image/*",))):
        with pytest.raises(ValidationError):
            uploads.begin(target, "", "a.bin", 10, "image/png" if target.max_size else "")
    assert recorder.requests == []


def test_an_active_type_does_not_come_by_a_claim(buckets: Buckets) -> None:
    with pytest.raises(ValidationError, match=r"type image/svg\+xml"):
        uploads.begin(Target(content_types=("image/png",)), "", "a.svg", 10, "")
    plan = uploads.begin(Target(), "", "a.png", 10, "text/html")
    assert Ticket.from_token(plan["ticket"]).content_type == "image/png"
    # A browser opens no upload, whoever finds it in a public bucket.
    assert plan["fields"]["Content-Type"] == "application/octet-stream"
