from __future__ import annotations

import os

import pytest
from django.core.files.base import ContentFile

from django_minio_backend import MinioBackend
from django_minio_backend.errors import ObjectChanged
from django_minio_backend.s3 import copying
from tests.sizes import MIB


def test_a_server_copies_an_object_in_parts(
    storage: MinioBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "COPIED_AT_ONCE", 5 * MIB)
    data = os.urandom(11 * MIB)
    storage.save("a.bin", ContentFile(data))
    stat = storage.stat("a.bin")
    upload = storage.s3.start_upload("b.bin", {})
    etags = copying.copy_parts(upload, f"{storage.bucket}/a.bin", stat.size, stat.etag)
    assert len(etags) == 3
    storage.s3.finish_upload(upload, etags)
    assert storage.open("b.bin").read() == data


def test_a_source_that_changed_is_not_copied(storage: MinioBackend) -> None:
    storage.save("a.bin", ContentFile(b"x" * 6 * MIB))
    upload = storage.s3.start_upload("b.bin", {})
    with pytest.raises(ObjectChanged):
        copying.copy_parts(upload, f"{storage.bucket}/a.bin", 6 * MIB, "another-etag")
    upload.abort()
