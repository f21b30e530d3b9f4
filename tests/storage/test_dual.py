"""DualReadStorage: a site whose files are moving."""

from __future__ import annotations

import io
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import signing
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage, storages
from django.core.management import call_command
from django.db.migrations.writer import MigrationWriter
from django.test import Client as Browser
from django.urls import include, path

from django_minio_backend import DualReadStorage, MinioBackend, errors
from django_minio_backend.storage import dual
from tests.conftest import Buckets, Fetch, Recorder, heed_options
from tests.hostile import closed_port
from tests.library.models import Book

urlpatterns = [path("files/", include("django_minio_backend.dual_urls"))]


@pytest.fixture
def moving(buckets: Buckets, settings: Any, tmp_path: Path) -> DualReadStorage:
    """From a disk to a bucket, each with a file of its own and one file of both."""
    settings.ROOT_URLCONF = "tests.storage.test_dual"
    settings.STORAGES = {
        "new": settings.STORAGES["default"],
        "old": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path), "base_url": "/media/"},
        },
        "default": {
            "BACKEND": "django_minio_backend.models.DualReadStorage",
            "OPTIONS": {"new": "new", "old": "old"},
        },
    }
    heed_options()
    for alias, names in {"new": ["new.txt", "both.txt"], "old": ["old.txt", "both.txt"]}.items():
        for name in names:
            storages[alias].save(f"folder/{name}", ContentFile(alias.encode()))
    found = storages["default"]
    assert isinstance(found, DualReadStorage)
    return found


def test_files_are_read_from_the_new_storage_first(moving: DualReadStorage) -> None:
    for name, where in {"new": b"new", "old": b"old", "both": b"new"}.items():
        name = f"folder/{name}.txt"
        with moving.open(name) as file:
            assert file.read() == where
        assert moving.exists(name)
        assert moving.size(name) == 3
        assert datetime.now(UTC) - moving.get_modified_time(name) < timedelta(minutes=5)
    assert not moving.exists("folder/none.txt")
    with pytest.raises(FileNotFoundError):
        moving.open("folder/none.txt")
    assert sorted(moving.listdir("folder")[1]) == ["both.txt", "new.txt", "old.txt"]
    assert moving.listdir("") == (["folder"], [])
    assert moving.listdir("none") == ([], [])


def test_files_are_written_to_the_new_storage_under_names_that_neither_has(
    moving: DualReadStorage,
) -> None:
    for taken in ("folder/old.txt", "folder/new.txt"):
        saved = moving.save(taken, ContentFile(b"another"))
        assert saved != taken
        assert storages["new"].exists(saved)
        assert not storages["old"].exists(saved)
    with moving.open("folder/old.txt") as file:
        assert file.read() == b"old"
    with moving.open("folder/streamed.txt", "wb") as file:
        file.write(b"x")
    assert storages["new"].exists("folder/streamed.txt")
    assert moving.save("bytes.txt", b"x") == "bytes.txt"
    for mode in ("ab", "r+b"):
        with pytest.raises(ValueError, match="mode"):
            moving.open("folder/old.txt", mode)


def test_a_new_storage_that_replaces_goes_on_to(moving: DualReadStorage, buckets: Buckets) -> None:
    buckets.change(replace_existing=True)
    moving = DualReadStorage("new", "old")
    assert moving.save("folder/old.txt", ContentFile(b"another")) == "folder/old.txt"
    with moving.open("folder/old.txt") as file:
        assert file.read() == b"another"


def test_what_is_deleted_does_not_come_back(moving: DualReadStorage) -> None:
    for name in ("new", "old", "both"):
        moving.delete(f"folder/{name}.txt")
        assert not moving.exists(f"folder/{name}.txt")


def test_an_outage_of_the_new_storage_is_not_answered_by_the_old_one(
    moving: DualReadStorage, buckets: Buckets
) -> None:
    with closed_port() as endpoint:
        buckets.change(MINIO_ENDPOINT=endpoint, MINIO_RETRIES=0)
        moving = DualReadStorage("new", "old")
        for ask in (moving.open, moving.exists, moving.size, moving.listdir):
            with pytest.raises(errors.ServerUnreachable):
                ask("folder/both.txt")


def test_links_ask_nobody_and_lead_to_where_the_file_is(
    moving: DualReadStorage, buckets: Buckets, recorder: Recorder, fetch: Fetch
) -> None:
    buckets.change(MINIO_HTTP_CLIENT=recorder)
    links = {name: default_storage.url(f"folder/{name}.txt") for name in ("new", "old", "both")}
    assert recorder.requests == []
    browser = Browser()
    assert browser.get(links["old"])["Location"] == "/media/folder/old.txt"
    for name in ("new", "both"):
        answer = browser.get(links[name])
        assert (answer.status_code, fetch(answer["Location"]).data) == (302, b"new")
        assert "no-store" in answer["Cache-Control"]
    assert browser.get(moving.url("folder/none.txt")).status_code == 404
    assert browser.get("/files/forged").status_code == 403


def test_links_take_what_the_new_storage_takes(moving: DualReadStorage, fetch: Fetch) -> None:
    link = moving.url("folder/new.txt", filename="Übersicht.txt", expires=timedelta(minutes=1))
    answer = fetch(Browser().get(link)["Location"])
    assert "%C3%9Cbersicht.txt" in answer.headers["Content-Disposition"]
    link = moving.url("folder/old.txt", filename="other.txt")
    assert Browser().get(link)["Location"] == "/media/folder/old.txt"
    upload = moving.url("folder/upload.txt", method="PUT")
    assert fetch(upload, "PUT", body=b"x").status == 200
    assert storages["new"].exists("folder/upload.txt")


def test_links_end_when_they_are_to_and_after_a_week_at_the_latest(
    moving: DualReadStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    short, long = moving.url("folder/old.txt", expires=60), moving.url("folder/old.txt")
    assert moving.url("folder/old.txt") == long  # browsers may keep it
    clock = time.time
    for passed, works in {30: [short, long], 61: [long], 7 * 86400 + 1: []}.items():
        monkeypatch.setattr("time.time", lambda passed=passed: clock() + passed)
        for link in (short, long):
            assert Browser().get(link).status_code == (302 if link in works else 403)
    with pytest.raises(signing.SignatureExpired):
        dual.find_link(long.rpartition("/")[2])


def test_a_link_leads_no_further_than_it_may(
    moving: DualReadStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = moving.url("folder/new.txt", expires=timedelta(minutes=10))
    clock = time.time
    monkeypatch.setattr("time.time", lambda: clock() + 400)
    signed = Browser().get(link)["Location"]
    (seconds,) = re.findall(r"X-Amz-Expires=(\d+)", signed)
    assert 100 < int(seconds) <= 200


def test_links_outlive_the_old_storage(
    moving: DualReadStorage, settings: Any, fetch: Fetch
) -> None:
    links = {name: moving.url(f"folder/{name}.txt") for name in ("new", "old")}
    settings.STORAGES = {"default": settings.STORAGES["new"], "new": settings.STORAGES["new"]}
    assert fetch(Browser().get(links["new"])["Location"]).data == b"new"
    assert Browser().get(links["old"]).status_code == 404


def test_mistakes_are_told(moving: DualReadStorage, settings: Any) -> None:
    with pytest.raises(errors.ConfigurationError, match="nowhere"):
        DualReadStorage("nowhere", "old").exists("a")
    with pytest.raises(errors.ConfigurationError, match="'default' is one itself"):
        DualReadStorage("default", "old").exists("a")
    settings.ROOT_URLCONF = "tests.test_views"
    with pytest.raises(ImproperlyConfigured, match=r"django_minio_backend\.dual_urls"):
        moving.url("folder/old.txt")


def test_migrations_name_the_aliases(moving: DualReadStorage) -> None:
    text, _ = MigrationWriter.serialize(moving)
    assert text == "django_minio_backend.models.DualReadStorage(new='new', old='old')"


@pytest.mark.django_db
def test_what_its_fields_refer_to_is_no_orphan(
    moving: DualReadStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Book._meta.get_field("cover"), "storage", default_storage)
    monkeypatch.setattr(Book._meta.get_field("scan"), "storage", MinioBackend(storage_name="new"))
    monkeypatch.setattr(Book._meta.get_field("cover"), "upload_to", "")
    Book.objects.create(cover="folder/new.txt")
    options = {"interactive": False, "older_than": 0, "stdout": io.StringIO()}
    call_command("clean_orphaned_minio_files", **options)
    assert storages["new"].exists("folder/new.txt")
    assert not storages["new"].exists("folder/both.txt")
    assert storages["old"].exists("folder/both.txt")


@pytest.mark.django_db
def test_a_row_is_missing_only_where_neither_has_its_file(
    moving: DualReadStorage,
    buckets: Buckets,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = {**buckets.options, "MINIO_DEFAULT_BUCKET": buckets.public}
    for options in ({}, old):
        if options:
            settings.STORAGES["old"] = {**settings.STORAGES["new"], "OPTIONS": options}
            buckets.change()
            storages["old"].save("folder/old.txt", ContentFile(b"x"))
        dual = DualReadStorage("new", "old")
        monkeypatch.setattr(Book._meta.get_field("cover"), "storage", dual)
        Book.objects.all().delete()
        for name in ("new", "old", "none"):
            Book.objects.create(cover=f"folder/{name}.txt")
        for narrowed in ({}, {"bucket": buckets.private}):
            out = io.StringIO()
            call_command(
                "clean_orphaned_minio_files",
                check_missing=True,
                format="csv",
                stdout=out,
                **narrowed,
            )
            assert [row.split(",")[3] for row in out.getvalue().split()[1:]] == ["folder/none.txt"]


def test_a_deletion_that_fails_leaves_the_file_as_it_was(
    moving: DualReadStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(storage: object, name: str) -> None:
        raise PermissionError(13, "Read-only")

    monkeypatch.setattr(FileSystemStorage, "delete", refuse)
    with pytest.raises(PermissionError):
        moving.delete("folder/both.txt")
    with moving.open("folder/both.txt") as file:
        assert file.read() == b"new"


def test_an_error_of_a_storages_own_is_asked_about(
    moving: DualReadStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OwnError(Exception):
        pass

    def fail(storage: MinioBackend, name: str) -> int:
        raise OwnError

    monkeypatch.setattr(MinioBackend, "size", fail)
    assert moving.size("folder/old.txt") == 3
    with pytest.raises(OwnError):
        moving.size("folder/new.txt")
