"""Settings of the example project: everything that differs between places is in the environment."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any


def env(name: str, default: str) -> str:
    """Return an environment variable; compose passes unset ones on as empty."""
    return os.environ.get(name, "") or default


def env_flag(name: str) -> bool | None:
    """Return None for a variable that is not set, so that the option's own default applies."""
    value = env(name, "").strip().lower()
    return value in {"1", "true", "yes", "on"} if value else None


SECRET_KEY = env("DJANGO_SECRET_KEY", "insecure-fallback-for-development-only")
DEBUG = bool(env_flag("DJANGO_DEBUG"))
ALLOWED_HOSTS = env("DJANGO_ALLOWED_HOSTS", "localhost,127.0.0.1").split(",")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django_minio_backend.apps.DjangoMinioBackendConfig",
    "django_minio_backend.bgfiles",
    "django_minio_backend.direct",
    "django.contrib.staticfiles",
    "examples.attachments",
    "examples.exports",
    # Deletes a file with its row; last, so that it sees all models.
    "django_cleanup.apps.CleanupConfig",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_minio_backend.direct.middleware.remember_request",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
ROOT_URLCONF = "examples.project.urls"
WSGI_APPLICATION = "examples.project.wsgi.application"
ASGI_APPLICATION = "examples.project.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": env("DJANGO_DATABASE", str(Path(__file__).parents[1] / "db.sqlite3")),
    },
}
LOGIN_URL = "admin:login"
BGFILES_DEFAULT_SALT = "the example's exports"
USE_TZ = True
TIME_ZONE = "UTC"

# The storages' options decide where files are; Django only wants these two to be there.
STATIC_URL = "/static/"
MEDIA_URL = "/media/"

# The buckets are declared once, here; `attachments.storages` takes them from STORAGES.
PRIVATE_BUCKET = env("MINIO_PRIVATE_BUCKET", "django-backend-dev-private")
PUBLIC_BUCKET = env("MINIO_PUBLIC_BUCKET", "django-backend-dev-public")

# How to reach the server, for both storages. The keys' fallback is what MinIO itself starts with.
CONNECTION: dict[str, Any] = {
    "MINIO_ENDPOINT": env("MINIO_ENDPOINT", "127.0.0.1:9000"),
    "MINIO_USE_HTTPS": env_flag("MINIO_USE_HTTPS"),
    "MINIO_EXTERNAL_ENDPOINT": env("MINIO_EXTERNAL_ENDPOINT", ""),
    "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS": env_flag("MINIO_EXTERNAL_ENDPOINT_USE_HTTPS"),
    "MINIO_ACCESS_KEY": env("MINIO_ACCESS_KEY", "minioadmin"),
    "MINIO_SECRET_KEY": env("MINIO_SECRET_KEY", "minioadmin"),
    "MINIO_REGION": env("MINIO_REGION", "us-east-1"),
}
STORAGES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django_minio_backend.models.MinioBackend",
        "OPTIONS": {
            **CONNECTION,
            "MINIO_DEFAULT_BUCKET": PRIVATE_BUCKET,
            "MINIO_PRIVATE_BUCKETS": [PRIVATE_BUCKET],
            "MINIO_PUBLIC_BUCKETS": [PUBLIC_BUCKET],
            "MINIO_URL_EXPIRY_HOURS": timedelta(hours=1),
        },
    },
    "staticfiles": {
        "BACKEND": "django_minio_backend.models.MinioBackendStaticManifest",
        "OPTIONS": {
            **CONNECTION,
            "MINIO_STATIC_FILES_BUCKET": env("MINIO_STATIC_FILES_BUCKET", "my-static-files-bucket"),
            "MINIO_STATIC_COMPRESS": "gzip",
        },
    },
}
