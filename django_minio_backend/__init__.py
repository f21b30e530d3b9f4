"""Django storage on MinIO and other S3 servers."""

from __future__ import annotations

from django_minio_backend.apps import DjangoMinioBackendConfig
from django_minio_backend.models import (
    DualReadStorage,
    MinioBackend,
    MinioBackendStatic,
    MinioBackendStaticManifest,
    get_iso_date,
    iso_date_prefix,
)

__all__ = [
    "DjangoMinioBackendConfig",
    "DualReadStorage",
    "MinioBackend",
    "MinioBackendStatic",
    "MinioBackendStaticManifest",
    "get_iso_date",
    "iso_date_prefix",
]
__version__ = "5.0.0"
