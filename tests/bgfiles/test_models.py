from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import InMemoryStorage, default_storage
from django.core.management import call_command
from django.db import transaction

from django_minio_backend.bgfiles import toolbox
from django_minio_backend.bgfiles.models import (
    FileRequest,
    find_storage,
    safe_filename,
)
from tests.bgfiles.test_worker import Site


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Übersicht 1.csv", "Übersicht 1.csv"),
        ("a\r\nb\0.csv", "ab.csv"),
        ("../../etc/passwd", "passwd"),
        ("c:\\temp\\x.csv", "x.csv"),
        ("", "file"),
        ("..", "file"),
    ],
)
def test_a_filename_is_a_name_and_one_line(name: str, safe: str) -> None:
    assert safe_filename(name) == safe


def test_the_storage_is_the_declared_one_or_the_default(settings: Any) -> None:
    assert find_storage() is default_storage
    backend = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    settings.STORAGES = {**settings.STORAGES, "bgfiles": backend}
    assert isinstance(FileRequest().filehandle.storage, InMemoryStorage)


@pytest.mark.django_db
@pytest.mark.usefixtures("memory")
def test_no_migration_depends_on_the_storage() -> None:
    call_command("makemigrations", "bgfiles", "--check", "--dry-run", verbosity=0)


OLD_TABLE = """
from django.core.management import call_command
from django.db.migrations.recorder import MigrationRecorder
call_command("migrate", "auth", verbosity=0)
with connection.cursor() as cursor:
    cursor.execute("CREATE TABLE bgfiles_filerequest (id char(32) PRIMARY KEY, requested_at text)")
MigrationRecorder(connection).record_applied("bgfiles", "0001_initial")
"""


def test_the_table_of_dj_bgfiles_is_never_taken_for_ours(tmp_path: Path) -> None:
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "db.sqlite3")}
    settings = {"DJANGO_SETTINGS_MODULE": "tests.bgfiles.site", "SITE_FOLDER": str(tmp_path)}
    site = Site(tmp_path, os.environ | settings | {"SITE_DATABASE": json.dumps(database)})
    site.script(OLD_TABLE)
    with site.start("migrate", "-v", "0") as process:
        error = process.communicate(timeout=60)[1]
    assert 'table "bgfiles_filerequest" already exists' in error
    site.script(
        "with connection.cursor() as cursor: cursor.execute('DROP TABLE bgfiles_filerequest')"
    )
    site.run("migrate", "-v", "0")
    assert site.script("print(FileRequest.objects.count())") == "0\n"


def attach(done: FileRequest) -> None:
    toolbox.attach_file(done, b"new")


def delete(done: FileRequest) -> None:
    done.delete()


def delete_all(done: FileRequest) -> None:
    FileRequest.objects.all().delete()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", [attach, delete, delete_all])
def test_what_is_rolled_back_leaves_row_and_file(done: FileRequest, change: Any) -> None:
    name = done.filehandle.name or ""
    with pytest.raises(RuntimeError), transaction.atomic():
        change(FileRequest.objects.get())
        raise RuntimeError
    row = FileRequest.objects.get()
    assert row.filehandle.name == name
    assert row.filehandle.storage.exists(name)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", [attach, delete, delete_all])
def test_the_file_goes_when_the_transaction_is_committed(done: FileRequest, change: Any) -> None:
    storage, name = done.filehandle.storage, done.filehandle.name or ""
    with transaction.atomic():
        change(FileRequest.objects.get())
        assert storage.exists(name)
    assert not storage.exists(name)


@pytest.mark.django_db(transaction=True)
def test_a_row_is_deleted_with_the_file_that_it_has_got_since(
    memory: None, queued: FileRequest
) -> None:
    toolbox.attach_file(FileRequest.objects.get(), b"1", "a.txt")
    storage, name = queued.filehandle.storage, FileRequest.objects.get().filehandle.name or ""
    queued.delete()
    assert not storage.exists(name)


@pytest.mark.django_db(transaction=True)
def test_a_file_that_cannot_be_deleted_keeps_its_row(
    done: FileRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def down(name: str) -> None:
        seen.append(FileRequest.objects.exists())
        raise ConnectionError

    monkeypatch.setattr(done.filehandle.storage, "delete", down)
    pk = done.pk
    with pytest.raises(ConnectionError):
        done.delete()
    assert (done.pk, seen, FileRequest.objects.count()) == (pk, [False], 1)


class Primary:
    """Reads where nobody writes."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "replica"

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "default"


def test_what_is_read_from_a_replica_is_written_to_the_primary(settings: Any) -> None:
    settings.DATABASE_ROUTERS = ["tests.bgfiles.test_models.Primary"]
    read = FileRequest()
    read._state.db = "replica"
    assert read._row.db == "default"
    assert read.write_database == "default"
