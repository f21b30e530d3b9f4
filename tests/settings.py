"""Settings of the test project; each test points its storages at buckets of its own."""

from __future__ import annotations

from typing import Any

SECRET_KEY = "only-for-tests"
USE_TZ = True
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django_minio_backend.apps.DjangoMinioBackendConfig",
    "django_minio_backend.bgfiles",
    "django_minio_backend.direct",
    "django.contrib.staticfiles",
    "tests.clips",
    "tests.library",
    "tests.logins",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_minio_backend.direct.middleware.remember_request",
]
ROOT_URLCONF = "tests.clips.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
# Since Django 6.1 there is no default one.
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
STATIC_URL = "/static/"
MEDIA_URL = "/media/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STORAGES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django_minio_backend.models.MinioBackend",
        "OPTIONS": {
            "MINIO_ENDPOINT": "127.0.0.1:9",
            "MINIO_ACCESS_KEY": "nobody",
            "MINIO_SECRET_KEY": "no-server-listens-here",
            "MINIO_USE_HTTPS": False,
        },
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
