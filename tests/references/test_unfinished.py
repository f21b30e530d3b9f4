from __future__ import annotations

import datetime
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError

from django_minio_backend import MinioBackend
from django_minio_backend.references import unfinished
from django_minio_backend.references.unfinished import is_stale
from django_minio_backend.s3.multipart import MultipartUpload
from django_minio_backend.s3.unfinished import UnfinishedUpload, list_uploads
from tests.conftest import Buckets
from tests.hostile import Answer, hostile, listing, s3_error, storage_at
from tests.library.models import Book, Film
from tests.references.conftest import FIELDS, clean, keys, store

pytestmark = pytest.mark.django_db
Restricted = Callable[[list[dict[str, Any]]], dict[str, str]]


def store_into(storage: MinioBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    for model, name in FIELDS:
        monkeypatch.setattr(model._meta.get_field(name), "storage", storage)


@pytest.fixture(params=["MinIO", "VersityGW"])
def shelf(
    request: pytest.FixtureRequest, buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> MinioBackend:
    """A bucket of each server, which all fields of the library store into."""
    library: MinioBackend = request.getfixturevalue("library")
    if request.param == "MinIO":
        return library
    buckets.change(**request.getfixturevalue("other_server").options)
    other = MinioBackend()
    other.s3.bucket.create()
    store_into(other, monkeypatch)
    return other


def start(storage: MinioBackend, name: str) -> MultipartUpload:
    """Leave an upload with one part."""
    upload = storage.s3.start_upload(storage.key(name), {})
    upload.put_part(1, b"left")
    return upload


def list_ids(storage: MinioBackend) -> set[str]:
    return {upload.id for upload in storage.s3.list_uploads([""])}


def test_unfinished_uploads_are_named_and_aborted(shelf: MinioBackend) -> None:
    uploads = [start(shelf, name) for name in ("covers/a+ä &.png", "covers/a+ä &.png", "b.pdf")]
    store(shelf, "covers/kept.png")
    Book.objects.create(cover="covers/kept.png")
    printed = clean(dry_run=True)
    assert printed.count(f"{shelf.bucket}/covers/a+ä &.png: an upload unfinished since 20") == 2
    assert "3 unfinished uploads." in printed
    assert list_ids(shelf) == {upload.id for upload in uploads}
    assert "3 unfinished uploads aborted." in clean()
    assert list_ids(shelf) == set()
    assert keys(shelf) == {"covers/kept.png"}


def test_an_upload_that_may_be_running_is_left_alone(shelf: MinioBackend) -> None:
    upload = start(shelf, "covers/a.png")
    assert "1 uploads may still be running: left alone." in clean(older_than=1)
    shelf.s3.finish_upload(upload, [upload.put_part(1, b"whole")])
    assert shelf.open("covers/a.png").read() == b"whole"


def test_an_upload_that_is_finished_meanwhile_is_a_file(
    shelf: MinioBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = start(shelf, "covers/a.png")
    real = unfinished.search_uploads

    def search(*args: Any, **keywords: Any) -> Any:
        result = real(*args, **keywords)
        upload.finish([upload.put_part(1, b"whole")], {})
        return result

    monkeypatch.setattr(unfinished, "search_uploads", search)
    assert "0 unfinished uploads aborted." in clean()
    assert shelf.open("covers/a.png").read() == b"whole"


def test_uploads_of_other_folders_and_storages_are_left_alone(
    shelf: MinioBackend, settings: Any, buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {**settings.STORAGES["default"]["OPTIONS"], "MINIO_LOCATION": "covers/other"}
    backend = settings.STORAGES["default"]["BACKEND"]
    settings.STORAGES = {**settings.STORAGES, "other": {"BACKEND": backend, "OPTIONS": other}}
    models = "django_minio_backend.references.fields.apps.get_models"
    ids = {
        name: start(shelf, name).id
        for name in ("covers/mine", "covers/kept", "covers/other/x", "elsewhere/x")
    }
    with monkeypatch.context() as patch:
        patch.setattr(models, lambda **keywords: [Film])
        assert "1 unfinished uploads aborted." in clean(exclude=["*/kept"])
        assert list_ids(shelf) == {*ids.values()} - {ids["covers/mine"]}
        clean(whole_bucket=True)
    assert list_ids(shelf) == {ids["covers/other/x"]}


def test_json_names_them(shelf: MinioBackend) -> None:
    upload = start(shelf, "covers/a.png")
    result = json.loads(clean(json=True, dry_run=True))
    [listed] = result["unfinished_uploads"]
    assert datetime.datetime.fromisoformat(listed.pop("initiated")).tzinfo
    assert listed == {"bucket": shelf.bucket, "key": "covers/a.png", "id": upload.id}
    upload.abort()


def allow(*actions: str) -> list[dict[str, Any]]:
    resources = ["arn:aws:s3:::*", "arn:aws:s3:::*/*"]
    return [{"Effect": "Allow", "Action": list(actions), "Resource": resources}]


def test_a_key_that_may_not_list_uploads_deletes_orphans(
    library: MinioBackend, restricted: Restricted, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = start(library, "covers/a.png")
    store(library, "covers/orphan.png")
    key = restricted(allow("s3:ListBucket", "s3:DeleteObject"))
    store_into(MinioBackend(**key), monkeypatch)
    err = io.StringIO()
    assert "1 deleted." in clean(stderr=err)
    [line] = err.getvalue().splitlines()
    assert line.startswith(f"{library.bucket}: its unfinished uploads are not known: ")
    assert "s3:ListBucketMultipartUploads" in line
    assert json.loads(clean(json=True, stderr=err))["uploads_not_listed"] == [library.bucket]
    upload.abort()


def test_a_key_that_may_not_abort_uploads_is_told(
    library: MinioBackend, restricted: Restricted, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = start(library, "covers/a.png")
    key = restricted(allow("s3:ListBucket", "s3:ListBucketMultipartUploads"))
    store_into(MinioBackend(**key), monkeypatch)
    err = io.StringIO()
    with pytest.raises(CommandError, match="1 unfinished uploads could not be aborted, 0 were"):
        clean(stderr=err)
    assert "covers/a.png: " in err.getvalue()
    assert "s3:AbortMultipartUpload" in err.getvalue()
    assert [listed.id for listed in list_uploads(library.s3.transport, upload.key)] == [upload.id]
    upload.abort()


@pytest.mark.parametrize("code", ["NotImplemented", "MethodNotAllowed"])
def test_a_server_without_the_listing_is_no_error(
    code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hostile(listing(), s3_error(501, code)) as server:
        store_into(storage_at(server.endpoint), monkeypatch)
        err = io.StringIO()
        clean(stderr=err, bucket="some-bucket")
    assert "some-bucket: its unfinished uploads are not known" in err.getvalue()


def test_an_outage_while_uploads_are_listed_deletes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = (
        "<Contents><Key>a</Key><Size>1</Size><ETag>e</ETag>"
        "<LastModified>2020-01-01T00:00:00Z</LastModified></Contents>"
    )
    with hostile(listing(entry), Answer(500)) as server:
        store_into(storage_at(server.endpoint), monkeypatch)
        with pytest.raises(CommandError, match="ServerFault"):
            clean(bucket="some-bucket")
        assert not any(request.startswith("POST") for request in server.requests)


def list_upload(initiated: str) -> Answer:
    return Answer(
        200,
        "<ListMultipartUploadsResult><Upload><Key>a</Key><UploadId>u</UploadId>"
        f"<Initiated>{initiated}</Initiated></Upload></ListMultipartUploadsResult>",
    )


@pytest.mark.parametrize(
    "seen", [list_upload("2099-01-01T00:00:00Z"), Answer(200, "<ListMultipartUploadsResult/>")]
)
def test_an_upload_is_looked_at_again_before_it_is_aborted(
    seen: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hostile(listing(), list_upload("2020-01-01T00:00:00Z"), seen) as server:
        store_into(storage_at(server.endpoint), monkeypatch)
        assert "0 unfinished uploads aborted" in clean(bucket="some-bucket")
        assert [request.partition(" ")[0] for request in server.requests] == ["GET"] * 3


def test_an_upload_without_a_known_age_is_not_stale() -> None:
    now = datetime.datetime.now(datetime.UTC)
    assert is_stale(UnfinishedUpload("a", "1", "2020-01-01T00:00:00Z"), now)
    assert not is_stale(UnfinishedUpload("a", "1", ""), now)
    assert not is_stale(UnfinishedUpload("a", "1", now.isoformat()), now)
