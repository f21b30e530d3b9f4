from __future__ import annotations

import logging
from typing import Any

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.db import transaction

from django_minio_backend import MinioBackend
from django_minio_backend.direct.files import (
    DirectUpload,
    Receipt,
    has_suffix,
    make_final_name,
    make_pending_name,
    make_suffix,
)
from django_minio_backend.direct.testing import make_receipt
from django_minio_backend.errors import ObjectChanged, ObjectNotFound
from tests.clips.models import Clip
from tests.conftest import Buckets, Recorder
from tests.direct.conftest import list_pending

ID = "a" * 22


@pytest.fixture
def upload(buckets: Buckets) -> DirectUpload:
    token = make_receipt(Clip._meta.get_field("file"), "clip.mp4", b"content")
    return DirectUpload(Receipt.from_token(token), token)


@pytest.mark.parametrize(
    ("name", "longest", "final"),
    [
        ("a/clip.mp4", None, f"a/clip_{ID}.mp4"),
        ("clip", 100, f"clip_{ID}"),
        (".env", 100, f".env_{ID}"),
        ("a/clip.tar.gz", 31, f"a/cli_{ID}.gz"),
    ],
)
def test_a_final_name_is_nobody_elses(name: str, longest: int | None, final: str) -> None:
    assert make_final_name(name, ID, longest) == final
    assert has_suffix(final, ID)


def test_a_name_without_room_says_so() -> None:
    with pytest.raises(SuspiciousFileOperation, match="raise the field's max_length"):
        make_final_name("folder/clip.mp4", ID, 20)


@pytest.mark.parametrize("name", ["clip.mp4", f"clip{ID}.mp4", f"clip_{ID}/x.mp4", ""])
def test_other_names_have_no_such_suffix(name: str) -> None:
    assert not has_suffix(name, ID)


def test_a_suffix_is_of_one_version() -> None:
    suffixes = {make_suffix(id, version) for id in ("a", "b") for version in ("1", "2")}
    assert len(suffixes) == 4
    assert all(len(suffix) == 22 for suffix in suffixes)


def test_an_upload_is_a_file(upload: DirectUpload, recorder: Recorder) -> None:
    assert (upload.name, upload.size, upload.content_type) == ("clip.mp4", 7, "video/mp4")
    assert bool(upload)
    assert upload.read(3) == b"con"
    assert list(upload.chunks(4)) == [b"cont", b"ent"]
    upload.close()
    assert upload.closed
    with upload.open() as opened:
        assert opened.read() == b"content"
    with pytest.raises(ValueError, match="can only be read"):
        upload.open("wb")


def test_an_upload_that_was_replaced_is_neither_read_nor_published(upload: DirectUpload) -> None:
    storage = MinioBackend(replace_existing=True)
    storage.save(upload.pending_name, ContentFile(b"another"))
    with pytest.raises(ObjectChanged, match=r"'clip.mp4' was replaced"):
        upload.read()
    assert not upload.exists()
    with pytest.raises(ObjectChanged):
        upload.publish("clips/x.mp4")
    assert not storage.exists("clips/x.mp4")


def test_publishing_twice_is_no_error(upload: DirectUpload, storage: MinioBackend) -> None:
    for _ in range(2):
        upload.publish("clips/x.mp4")
    assert storage.open("clips/x.mp4").read() == b"content"
    assert list_pending(storage) == []
    # Another row may have it under another name.
    upload.publish("clips/y.mp4")
    assert storage.open("clips/y.mp4").read() == b"content"
    token = upload.token
    with pytest.raises(ObjectNotFound):
        DirectUpload(Receipt.from_token(token), token).publish("clips/z.mp4")


def test_a_failure_after_the_commit_is_logged_and_loses_nothing(
    upload: DirectUpload, db: Any, storage: MinioBackend, caplog: pytest.LogCaptureFixture
) -> None:
    storage.delete(upload.pending_name)
    with caplog.at_level(logging.ERROR), transaction.atomic():
        upload.publish_on_commit("clips/x.mp4", None)
        transaction.get_connection().run_on_commit[-1][1]()
    assert "'clips/x.mp4' of a saved row could not be published" in caplog.text


def test_any_storage_saves_an_upload(upload: DirectUpload, buckets: Buckets) -> None:
    other = MinioBackend(buckets.public)
    assert other.save("a/x.mp4", upload) == "a/x.mp4"
    assert other.open("a/x.mp4").read() == b"content"
    own = MinioBackend()
    name = own.save("a/x.mp4", upload, max_length=100)
    assert name == f"a/x_{upload.suffix}.mp4"
    assert own.open(name).read() == b"content"
    assert own.stat(name).content_type == "video/mp4"
    assert not own.exists(make_pending_name(upload.receipt.id))
