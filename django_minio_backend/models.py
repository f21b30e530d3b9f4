"""Names that version 3 and 4 had here, and that settings and migrations go on to use."""

from __future__ import annotations

from django_minio_backend.dual import DualReadStorage
from django_minio_backend.files import S3File
from django_minio_backend.names import get_iso_date, iso_date_prefix
from django_minio_backend.staticfiles import MinioBackendStatic, MinioBackendStaticManifest
from django_minio_backend.storage import MinioBackend

__all__ = [
    "DualReadStorage",
    "MinioBackend",
    "MinioBackendStatic",
    "MinioBackendStaticManifest",
    "S3File",
    "get_iso_date",
    "iso_date_prefix",
]
