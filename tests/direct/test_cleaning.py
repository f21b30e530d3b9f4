from __future__ import annotations

import datetime

import pytest
from django.core.files.base import ContentFile

from django_minio_backend import MinioBackend
from django_minio_backend.direct import cleaning
from django_minio_backend.direct.files import DirectUpload, Receipt, make_final_name
from django_minio_backend.direct.testing import make_receipt
from django_minio_backend.references.neighbours import list_foreign_prefixes
from tests.clips.models import Clip, Scene
from tests.conftest import Buckets
from tests.direct.conftest import list_pending

pytestmark = pytest.mark.django_db

HOUR = datetime.timedelta(hours=1)


def make_upload() -> DirectUpload:
    token = make_receipt(Clip._meta.get_field("file"), "clip.mp4", b"content")
    return DirectUpload(Receipt.from_token(token), token)


def test_a_row_whose_file_was_not_published_gets_it(storage: MinioBackend) -> None:
    """The process died between the commit and the copy."""
    upload, free = make_upload(), make_upload()
    name = make_final_name("clips/clip.mp4", upload.suffix, 100)
    Clip.objects.create(title="one", file=name)
    found = {leftover.id: leftover for leftover in cleaning.list_leftovers(storage)}
    assert {id: leftover.name for id, leftover in found.items()} == {
        upload.receipt.id: name,
        free.receipt.id: "",
    }
    for _ in range(2):
        cleaning.publish(found[upload.receipt.id])
    assert storage.open(name).read() == b"content"
    assert storage.stat(name).content_type == "video/mp4"
    assert list_pending(storage) == [free.receipt.id]


def test_a_row_does_not_get_what_nobody_has_validated(storage: MinioBackend) -> None:
    """The form's link works on after the form was checked."""
    upload = make_upload()
    name = make_final_name("clips/clip.mp4", upload.suffix, 100)
    Clip.objects.create(title="one", file=name)
    [leftover] = cleaning.list_leftovers(storage)
    MinioBackend(replace_existing=True).save(upload.pending_name, ContentFile(b"CONTENT"))
    cleaning.publish(leftover)
    assert not storage.exists(name)
    [leftover] = cleaning.list_leftovers(storage)
    assert leftover.name == ""


def test_a_row_that_came_meanwhile_keeps_its_upload(storage: MinioBackend) -> None:
    upload = make_upload()
    [leftover] = cleaning.list_leftovers(storage)
    name = make_final_name("clips/clip.mp4", upload.suffix, 100)
    Clip.objects.create(title="one", file=name)
    cleaning.delete(leftover)
    assert upload.exists()


def test_a_name_that_only_looks_like_it_is_no_row(storage: MinioBackend) -> None:
    upload = make_upload()
    Clip.objects.create(title="one", file=f"{upload.suffix}/clip.mp4")
    [leftover] = cleaning.list_leftovers(storage)
    assert leftover.name == ""


def test_ages_are_told_by_the_servers_clock(storage: MinioBackend) -> None:
    make_upload()
    [leftover] = cleaning.list_leftovers(storage)
    assert not cleaning.is_old(leftover, HOUR)
    assert cleaning.is_old(leftover, -HOUR)
    assert cleaning.make_default_age() == 72 * HOUR


def test_fields_and_storages_are_found_once(buckets: Buckets) -> None:
    fields = {str(field) for field in cleaning.list_direct_fields()}
    assert fields == {
        str(model._meta.get_field(name)) for model, name in ((Clip, "file"), (Scene, "still"))
    }
    assert [storage.bucket for storage in cleaning.list_storages()] == [buckets.private]


def test_uploads_are_no_orphans(storage: MinioBackend) -> None:
    assert list_foreign_prefixes(storage) == ("direct-uploads/",)
