"""The settings of Django's tests of static files. The storages of static files are ours there.

Finders read the disk, as they do in a project. Each STATIC_ROOT is a bucket.
"""

from __future__ import annotations

import hashlib
import shutil
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import storage as django_storage

from django_minio_backend import MinioBackendStatic, MinioBackendStaticManifest
from tools.django_tests.server import *  # noqa: F403
from tools.django_tests.server import SERVER


def make_options(location: object) -> dict[str, Any]:
    """Return the options of the bucket that stands for a folder, with the links that Django has."""
    folder = hashlib.sha256(str(location).encode()).hexdigest()[:12]
    return {
        **SERVER,
        "MINIO_STATIC_FILES_BUCKET": f"django-static-{folder}",
        "MINIO_PUBLIC_BASE_URL": settings.STATIC_URL.rstrip("/"),
    }


class _Arguments(MinioBackendStatic):
    """A storage with the arguments of Django's StaticFilesStorage."""

    def __init__(
        self, location: object = None, base_url: str | None = None, **keywords: Any
    ) -> None:
        self.location = location or settings.STATIC_ROOT
        super().__init__(**make_options(self.location), **keywords)
        if not self.s3.bucket.exists():
            self.s3.bucket.create()


class Static(_Arguments):
    """Stands for StaticFilesStorage."""


class Manifest(_Arguments, MinioBackendStaticManifest):  # type: ignore[misc]
    """Stands for ManifestStaticFilesStorage."""


def remove_folder(path: Any, *args: Any, **keywords: Any) -> None:
    """Remove a folder, and the bucket that stands for it."""
    _remove_folder(path, *args, **keywords)
    storage = MinioBackendStatic(**make_options(path))
    if storage.s3.bucket.exists():
        storage.s3.transport.send("DELETE", headers={"x-minio-force-delete": "true"})


_remove_folder = shutil.rmtree
shutil.rmtree = remove_folder  # type: ignore[assignment]
django_storage.StaticFilesStorage = Static  # type: ignore[assignment,misc]
django_storage.ManifestStaticFilesStorage = Manifest  # type: ignore[assignment,misc]
