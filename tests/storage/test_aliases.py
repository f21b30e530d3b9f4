from __future__ import annotations

from typing import Any

from django_minio_backend import DualReadStorage, MinioBackend
from django_minio_backend.storage import backend
from django_minio_backend.storage.aliases import import_backend, list_aliases


def test_only_our_backends_count_and_none_is_made(settings: Any) -> None:
    settings.STORAGES = {
        "disk": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "broken": {"BACKEND": "no.such.Storage"},
        # Making this one would raise: it has no options.
        "ours": {"BACKEND": "django_minio_backend.models.MinioBackend"},
        "static": {"BACKEND": "django_minio_backend.models.MinioBackendStatic"},
    }
    assert list_aliases() == ["ours", "static"]


def test_a_backend_is_imported_if_it_is_of_the_class() -> None:
    path = "django_minio_backend.models.DualReadStorage"
    assert import_backend("django_minio_backend.models.MinioBackend") is MinioBackend
    assert import_backend(path) is None
    assert import_backend(path, DualReadStorage) is DualReadStorage
    assert import_backend(f"{backend.__name__}.ONLY_NEW") is None
