"""Names that version 3 and 4 had here."""

from __future__ import annotations

from django_minio_backend.errors import ConfigurationError, PrivatePublicMixedError
from django_minio_backend.health import MinioServerStatus

__all__ = ["ConfigurationError", "MinioServerStatus", "PrivatePublicMixedError"]
