"""The names that settings, models and migrations of versions 3 and 4 import from here."""

from __future__ import annotations

import datetime

from django_minio_backend.staticfiles.storages import MinioBackendStatic, MinioBackendStaticManifest
from django_minio_backend.storage.backend import MinioBackend
from django_minio_backend.storage.dual import DualReadStorage
from django_minio_backend.storage.files import S3File

__all__ = [
    "DualReadStorage",
    "MinioBackend",
    "MinioBackendStatic",
    "MinioBackendStaticManifest",
    "S3File",
    "get_iso_date",
    "iso_date_prefix",
]


def get_iso_date() -> str:
    """Return today's date (UTC) as "2020-12-31"."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")


def iso_date_prefix(_instance: object, file_name: str) -> str:
    """Return `file_name` below a folder named after today (UTC). It is an `upload_to` callable."""
    return f"{get_iso_date()}/{file_name}"
