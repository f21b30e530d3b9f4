"""The names that projects of versions 3 and 4 import from here."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from django_minio_backend.errors import ConfigurationError, PrivatePublicMixedError
from django_minio_backend.s3.health import MinioServerStatus

__all__ = [
    "ConfigurationError",
    "MinioServerStatus",
    "PrivatePublicMixedError",
    "get_setting",
    "get_storages_setting",
]


def get_setting(name: str, default: Any = None) -> Any:
    return getattr(settings, name, default)


def get_storages_setting(name: str, storage: str = "default", default: Any = None) -> Any:
    return settings.STORAGES[storage].get("OPTIONS", {}).get(name, default)
