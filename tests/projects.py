"""Small projects in folders of their own, run by this version of the package or by an old one."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from typing import Any

from django_minio_backend import MinioBackend
from tests.yesterday.versions import folder_of
from tools.minio_server import Server

_MANAGE = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
_SETTINGS = """
import os
from datetime import timedelta
BASE = os.path.dirname(__file__)
SECRET_KEY = "only-for-tests"
USE_TZ = True
INSTALLED_APPS = [
    "django_minio_backend.apps.DjangoMinioBackendConfig",
    "django.contrib.contenttypes",
    "django.contrib.staticfiles",
    "shop",
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{BASE}/db"}}
STATIC_URL = "/static/"
STATICFILES_DIRS = [f"{BASE}/assets"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MINIO, STATIC = (f"django_minio_backend.models.MinioBackend{kind}" for kind in ("", "Static"))
SERVER = {
    "MINIO_ENDPOINT": os.environ["ENDPOINT"],
    "MINIO_ACCESS_KEY": os.environ["KEY"],
    "MINIO_SECRET_KEY": os.environ["SECRET"],
    "MINIO_USE_HTTPS": False,
}
media, static, other = (os.environ["BUCKETS"] + end for end in ("-media", "-static", "-other"))
"""
_MODELS = """
from django.db import models
class Doc(models.Model):
    file = models.FileField(upload_to="docs")
"""
_SCRIPT = """
import json
import django
django.setup()
from django.core.files.base import ContentFile
from django.core.files.storage import storages, default_storage
from django.contrib.staticfiles.storage import staticfiles_storage
from shop.models import Doc
def show(value):
    print("\\n" + json.dumps(value))
"""


class Site:
    """A project in a folder, on buckets of its own."""

    def __init__(self, folder: Path, server: Server, unique: str) -> None:
        self.folder = folder
        self.media, self.static, self.other = (f"{unique}{end}" for end in _ENDS)
        self._environment = {
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "config",
            "ENDPOINT": server.endpoint,
            "KEY": server.access_key,
            "SECRET": server.secret_key,
            "BUCKETS": unique,
        }
        self.write("manage", _MANAGE)
        self.write("shop/__init__", "")
        self.write("shop/migrations/__init__", "")
        self.write("shop/models", _MODELS)
        (folder / "assets").mkdir()
        (folder / "assets" / "site.css").write_text("body {}")

    def at(self, endpoint: str) -> Site:
        """Return the same project with another address of its server."""
        return self.with_environment(ENDPOINT=endpoint)

    def with_environment(self, **variables: str) -> Site:
        """Return the same project with other environment variables."""
        other = copy.copy(self)
        other._environment = {**self._environment, **variables}
        return other

    def write(self, module: str, text: str) -> None:
        path = self.folder / f"{module}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))

    def settings(self, text: str) -> None:
        self.write("config", _SETTINGS + dedent(text))

    def run(self, *argv: str, version: str = "", fails: bool = False) -> str:
        """Run Python with this version of the package, or an old one; return what it prints."""
        package = folder_of(version) if version else Path(__file__).parents[1]
        done = subprocess.run(
            [sys.executable, *argv],
            cwd=self.folder,
            env={**self._environment, "PYTHONPATH": f"{package}:{self.folder}"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert bool(done.returncode) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def start(self, *argv: str) -> subprocess.Popen[str]:
        """Start a management command, whose output is read while it works."""
        return self.launch("manage.py", *argv)

    def launch(self, *argv: str) -> subprocess.Popen[str]:
        """Start Python, whose output is read while it works."""
        return subprocess.Popen(
            [sys.executable, *argv],
            cwd=self.folder,
            env={**self._environment, "PYTHONPATH": f"{Path(__file__).parents[1]}:{self.folder}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def manage(self, *argv: str, version: str = "", fails: bool = False) -> str:
        return self.run("manage.py", *argv, version=version, fails=fails)

    def shown(self, body: str, version: str = "") -> Any:
        """Run a script of the project and return what it shows."""
        printed = self.run("-c", _SCRIPT + dedent(body), version=version)
        return json.loads(next(line for line in printed.splitlines()[::-1] if line[:1] in '{["'))

    def deploy(self, version: str = "") -> None:
        """Do what the projects' entrypoints do."""
        self.manage("makemigrations", "shop", version=version)
        self.manage("migrate", version=version)
        self.manage("collectstatic", "--noinput", version=version)


_ENDS = ("-media", "-static", "-other")


def new_site(server: Server, folder: Path, test: str) -> Site:
    """Return a project in this folder, on buckets that are not there yet."""
    unique = "y-" + hashlib.sha256(test.encode()).hexdigest()[:12]
    for end in _ENDS:
        bucket = MinioBackend(
            unique + end,
            MINIO_ENDPOINT=server.endpoint,
            MINIO_ACCESS_KEY=server.access_key,
            MINIO_SECRET_KEY=server.secret_key,
        )
        with suppress(OSError):
            bucket.s3.transport.send("DELETE", headers={"x-minio-force-delete": "true"})
    return Site(folder, server, unique)
