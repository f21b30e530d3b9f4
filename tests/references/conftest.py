from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command

from django_minio_backend import MinioBackend
from tests.conftest import Buckets
from tests.library.models import Atlas, Book, Film

pytestmark = pytest.mark.django_db
FIELDS = [(Book, "cover"), (Book, "scan"), (Atlas, "plate"), (Film, "cover")]


@pytest.fixture
def library(buckets: Buckets, settings: Any, monkeypatch: pytest.MonkeyPatch) -> MinioBackend:
    """A bucket that all fields of the library store into, and no other app's."""
    elsewhere = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    settings.STORAGES = {**settings.STORAGES, "bgfiles": elsewhere}
    storage = MinioBackend()
    for model, name in FIELDS:
        monkeypatch.setattr(model._meta.get_field(name), "storage", storage)
    return storage


def clean(**options: Any) -> str:
    out = io.StringIO()
    given = {"interactive": False, "older_than": 0, **options}
    call_command("clean_orphaned_minio_files", stdout=out, **given)
    return out.getvalue()


def keys(storage: MinioBackend) -> set[str]:
    return {entry.key for page in storage.s3.list_pages("") for entry in page.entries}


def store(storage: MinioBackend, *names: str) -> None:
    for name in names:
        storage.save(name, ContentFile(b"content"))
