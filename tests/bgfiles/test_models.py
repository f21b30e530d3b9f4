from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import InMemoryStorage, default_storage
from django.core.management import call_command

from django_minio_backend.bgfiles.models import FileRequest, request_storage, safe_filename
from tests.bgfiles.test_workers import Site


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
    assert request_storage() is default_storage
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
