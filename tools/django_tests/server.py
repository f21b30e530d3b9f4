"""The settings that all runs of Django's own tests share."""

from __future__ import annotations

import os
from typing import Any

DATABASES = {name: {"ENGINE": "django.db.backends.sqlite3"} for name in ("default", "other")}
SECRET_KEY = "django_tests_secret_key"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
USE_TZ = False
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
TEST_RUNNER = "tools.django_tests.runner.Runner"
SERVER: dict[str, Any] = {
    "MINIO_ENDPOINT": os.environ["DJANGO_TESTS_ENDPOINT"],
    "MINIO_ACCESS_KEY": os.environ["DJANGO_TESTS_ACCESS_KEY"],
    "MINIO_SECRET_KEY": os.environ["DJANGO_TESTS_SECRET_KEY"],
}
