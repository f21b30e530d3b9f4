from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.base import ContentFile

from django_minio_backend import errors
from django_minio_backend.s3.transport import Transport
from tests.hostile import Answer, hostile, storage_at

STARTED = "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"


PART = 5 * 2**20


def test_a_completion_that_fails_after_its_200_is_a_failure() -> None:
    part = Answer(200, headers={"ETag": '"1"'})
    late = Answer(200, "<Error><Code>InternalError</Code></Error>")
    with hostile(Answer(200, STARTED), part, part, late, Answer(204)) as server:
        storage = storage_at(server.endpoint, replace_existing=True, MINIO_MULTIPART_PART_SIZE=PART)
        with pytest.raises(errors.ServerFault, match="InternalError"):
            storage.save("a.bin", iter([b"x" * PART, b"y"]))
        assert server.requests[-1] == "DELETE /some-bucket/a.bin?uploadId=u"


def test_an_upload_without_an_id_is_not_begun() -> None:
    without = "<InitiateMultipartUploadResult></InitiateMultipartUploadResult>"
    with (
        hostile(Answer(200, without)) as server,
        pytest.raises(errors.UnexpectedAnswer, match=r"no id.*|object 'a\.bin'"),
    ):
        storage_at(server.endpoint).s3.start_upload("a.bin", {})


def test_an_object_without_an_etag_was_not_stored() -> None:
    with hostile(Answer(200)) as server:
        storage = storage_at(server.endpoint, replace_existing=True)
        with pytest.raises(errors.UnexpectedAnswer, match="without an ETag"):
            storage.save("a.txt", ContentFile(b"x"))


def test_a_part_of_what_is_encrypted_is_asked_for_with_its_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from minio.sse import SseCustomerKey

    sent: list[dict[str, str]] = []

    def send(transport: Transport, *args: Any, headers: dict[str, str], **keywords: Any) -> Any:
        sent.append(headers)
        return SimpleNamespace(headers={"Content-Length": "5"})

    monkeypatch.setattr(Transport, "send", send)
    storage = storage_at("127.0.0.1:9", MINIO_USE_HTTPS=True, sse=SseCustomerKey(b"k" * 32))
    assert storage.s3.read_part_size("a.bin") == 5
    assert "X-Amz-Server-Side-Encryption-Customer-Key" in sent[0]
