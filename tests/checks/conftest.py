from __future__ import annotations

import datetime
from typing import Any

from django.core import checks as django_checks

BROKEN = """
STORAGES = {
    "default": {
        "BACKEND": MINIO, "OPTIONS": {**SERVER, "MINIO_ENPOINT": 1, "MINIO_RETRIES": "many"},
    },
    "second": {"BACKEND": MINIO, "OPTIONS": {"MINIO_ENDPOINT": "x", "MINIO_SECRET_KEY": ""}},
    "bgfiles": {"BACKEND": MINIO, "OPTIONS": {**SERVER, "MINIO_PRIVATE_BUCKETS": ["Bad_Name"]}},
    "staticfiles": {"BACKEND": STATIC, "OPTIONS": SERVER},
}
INSTALLED_APPS += ["django.contrib.auth", "django_minio_backend.bgfiles"]
"""
EAGER = """
from django.db import models
from django_minio_backend import MinioBackend
class Doc(models.Model):
    file = models.FileField(storage=MinioBackend(bucket_name="some-bucket"))
    other = models.FileField(storage=lambda: MinioBackend(bucket_name="No Bucket"))
"""

MINIO = "django_minio_backend.models.MinioBackend"
FINE: dict[str, Any] = {
    "MINIO_ENDPOINT": "minio.example.com",
    "MINIO_ACCESS_KEY": "key",
    "MINIO_SECRET_KEY": "secret",
    "MINIO_USE_HTTPS": True,
    "MINIO_DEFAULT_BUCKET": "media-files",
    "MINIO_STATIC_FILES_BUCKET": "static-files",
    "MINIO_URL_EXPIRY_HOURS": datetime.timedelta(hours=1),
}
STATIC = "django_minio_backend.models.MinioBackendStatic"


def declare(settings: Any, default: dict[str, Any], static: dict[str, Any] | None = None) -> None:
    settings.STORAGES = {
        "default": {"BACKEND": MINIO, "OPTIONS": default},
        "staticfiles": {"BACKEND": STATIC, "OPTIONS": FINE if static is None else static},
    }


def found(*, deploy: bool = False, tags: list[str] | None = None) -> dict[str, str]:
    """Return the text and the hint of each message of ours by its id."""
    messages = django_checks.run_checks(tags=tags, include_deployment_checks=deploy)
    return {
        str(message.id).removeprefix("django_minio_backend."): f"{message.msg} {message.hint}"
        for message in messages
        if str(message.id).startswith("django_minio_backend.")
    }
