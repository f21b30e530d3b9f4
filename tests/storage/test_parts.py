from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.base import ContentFile

from django_minio_backend import MinioBackend
from django_minio_backend.errors import StorageFull
from django_minio_backend.s3.multipart import MultipartUpload
from django_minio_backend.storage import parts, uploads
from tests.conftest import Buckets, Recorder
from tests.sizes import PART
from tests.storage.conftest import unfinished_uploads


def test_a_source_that_fails_leaves_no_parts(parted: MinioBackend) -> None:
    parted.save("a.bin", ContentFile(b"old"))

    def failing() -> Iterator[bytes]:
        yield b"x" * (2 * PART + 1)
        raise RuntimeError("the source failed")

    with pytest.raises(RuntimeError, match="the source failed"):
        parted.save("a.bin", failing())
    assert unfinished_uploads(parted) == 0
    assert parted.open("a.bin").read() == b"old"


def test_parts_travel_side_by_side(parted: MinioBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(3, timeout=30)
    put_part = MultipartUpload.put_part

    def put_with_the_others(upload: MultipartUpload, number: int, body: Any) -> str:
        together.wait()
        return put_part(upload, number, body)

    monkeypatch.setattr(MultipartUpload, "put_part", put_with_the_others)
    data = [os.urandom(PART) for _ in range(6)]
    parted.save("a.bin", iter(data))
    assert parted.open("a.bin").read() == b"".join(data)


def test_a_part_that_fails_fails_the_upload(
    parted: MinioBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    parted.save("a.bin", ContentFile(b"old"))
    put_part = MultipartUpload.put_part

    def put_all_but_the_second(upload: MultipartUpload, number: int, body: Any) -> str:
        if number == 2:
            raise StorageFull("no room")
        return put_part(upload, number, body)

    monkeypatch.setattr(MultipartUpload, "put_part", put_all_but_the_second)
    with pytest.raises(StorageFull, match="no room"):
        parted.save("a.bin", iter([b"x" * PART] * 5))
    assert unfinished_uploads(parted) == 0
    assert parted.open("a.bin").read() == b"old"


def test_parts_grow_where_s3s_limit_asks_for_it(
    buckets: Buckets, monkeypatch: pytest.MonkeyPatch, recorder: Recorder
) -> None:
    monkeypatch.setattr(uploads, "MAX_PARTS", 2)
    storage = MinioBackend(http_client=recorder, replace_existing=True, MINIO_MULTIPART_UPLOAD=True)
    storage.save("a.bin", ContentFile(b"x" * 3 * PART))
    assert recorder.methods == ["POST", "PUT", "PUT", "POST"]


def test_more_parts_than_s3_allows_name_the_option(
    parted: MinioBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "MAX_PARTS", 2)
    with pytest.raises(ValueError, match="raise MINIO_MULTIPART_PART_SIZE"):
        parted.save("a.bin", iter([b"x" * PART] * 3))
    assert unfinished_uploads(parted) == 0
