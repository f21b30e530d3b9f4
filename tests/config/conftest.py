from __future__ import annotations

from typing import Any

from django_minio_backend.config.options import Options

SECRET = "the-secret-key"
GOOD: dict[str, Any] = {
    "MINIO_ENDPOINT": "minio.example.com:9000",
    "MINIO_ACCESS_KEY": "the-access-key",
    "MINIO_SECRET_KEY": SECRET,
    "MINIO_USE_HTTPS": True,
}


def parse(**given: Any) -> Options:
    return Options.parse("media", {**GOOD, **given})


def declare(settings: Any, **aliases: dict[str, Any]) -> None:
    settings.STORAGES = {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        **{
            alias: {"BACKEND": "django_minio_backend.models.MinioBackend", "OPTIONS": options}
            for alias, options in aliases.items()
        },
    }
