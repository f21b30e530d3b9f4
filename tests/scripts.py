"""Python programs of their own, for what cannot be done inside the test runner: forks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from tools.minio_server import Server

_PRELUDE = """
import os, sys
import django
from django.conf import settings
options = {
    "MINIO_ENDPOINT": os.environ["ENDPOINT"],
    "MINIO_ACCESS_KEY": os.environ["KEY"],
    "MINIO_SECRET_KEY": os.environ["SECRET"],
}
if os.environ["BUCKET"]:
    options["MINIO_DEFAULT_BUCKET"] = os.environ["BUCKET"]
backend = "django_minio_backend.models.MinioBackend"
settings.configure(
    SECRET_KEY="only-for-tests",
    STORAGES={"default": {"BACKEND": backend, "OPTIONS": options}},
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=os.environ["APPS"].split(),
)
django.setup()
"""


def run_script(
    body: str, server: Server, *arguments: str, bucket: str = "", apps: Sequence[str] = ()
) -> None:
    """Run `body` with a default storage on `server`; its failure is the test's."""
    keys = {"ENDPOINT": server.endpoint, "KEY": server.access_key, "SECRET": server.secret_key}
    keys |= {"BUCKET": bucket, "APPS": " ".join(apps)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _PRELUDE + body, *arguments],
        env={**os.environ, **keys},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
