"""Files that follow their rows: django-cleanup with our storages, in a project of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import Buckets
from tools.minio_server import Server

pytest.importorskip("django_cleanup")

SCRIPT = """
import os, sys
import django
from django.conf import settings
backend = "django_minio_backend.models.MinioBackend"
options = {
    "MINIO_ENDPOINT": os.environ["ENDPOINT"],
    "MINIO_ACCESS_KEY": os.environ["KEY"],
    "MINIO_SECRET_KEY": os.environ["SECRET"],
    "MINIO_DEFAULT_BUCKET": os.environ["BUCKET"],
}
settings.configure(
    INSTALLED_APPS=["django_minio_backend", "tests.library", "django_cleanup.apps.CleanupConfig"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    STORAGES={"default": {"BACKEND": backend, "OPTIONS": options}},
)
django.setup()
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage as storage
from django.core.management import call_command
from django.db import transaction
from tests.library.models import Book

call_command("migrate", run_syncdb=True, verbosity=0)
book = Book.objects.create(cover=ContentFile(b"1", "a.png"))
first = book.cover.name
assert storage.exists(first)
try:
    with transaction.atomic():
        book.cover = ContentFile(b"2", "b.png")
        book.save()
        raise RuntimeError
except RuntimeError:
    pass
assert storage.exists(first), "rolled back, but the file is gone"
book = Book.objects.get()
with transaction.atomic():
    book.cover = ContentFile(b"3", "c.png")
    book.save()
    assert storage.exists(first), "gone before the commit"
assert not storage.exists(first)
last = book.cover.name
book.delete()
assert not storage.exists(last)
"""


def test_files_follow_their_rows_on_commit(buckets: Buckets, server: Server) -> None:
    environment = {
        **os.environ,
        "ENDPOINT": server.endpoint,
        "KEY": server.access_key,
        "SECRET": server.secret_key,
        "BUCKET": buckets.private,
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
