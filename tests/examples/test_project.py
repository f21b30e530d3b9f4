"""The example project itself."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import urllib3
from django.core.files.base import ContentFile
from django.core.management import call_command

from django_minio_backend import MinioBackend
from tests.conftest import Buckets

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_migrations_are_complete(tmp_path: Path) -> None:
    check = [sys.executable, "-W", "error", "examples/manage.py", "makemigrations", "--check"]
    env = os.environ | {
        "DJANGO_SETTINGS_MODULE": "examples.project.settings",
        "DJANGO_DATABASE": str(tmp_path / "db.sqlite3"),
    }
    done = subprocess.run(
        check, cwd=EXAMPLES.parent, env=env, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "No changes detected\n")


def test_policy_hook_example_opens_one_folder_of_a_private_bucket(
    buckets: Buckets, settings: Any, fetch: Callable[..., urllib3.BaseHTTPResponse]
) -> None:
    hooks = runpy.run_path(str(EXAMPLES / "policy_hook.example.py"))["MINIO_POLICY_HOOKS"]
    [(bucket, _)] = hooks
    options = {
        **buckets.options,
        "MINIO_DEFAULT_BUCKET": bucket,
        "MINIO_PRIVATE_BUCKETS": [bucket],
        "MINIO_POLICY_HOOKS": hooks,
    }
    settings.STORAGES = {
        "default": {
            "BACKEND": "django_minio_backend.models.MinioBackend",
            "OPTIONS": options,
        }
    }
    call_command("initialize_buckets", silenced=True)
    storage = MinioBackend()
    open_to_all = storage.save("press/release.txt", ContentFile(b"news"))
    private = storage.save("release.txt", ContentFile(b"draft"))
    assert fetch(storage.url(open_to_all).partition("?")[0]).data == b"news"
    assert fetch(storage.url(private).partition("?")[0]).status == 403


DELETE = """
from django.core.files.base import ContentFile
from examples.attachments.models import PrivateAttachment
row = PrivateAttachment()
row.file.save("a.txt", ContentFile(b"x"))
storage, name = row.file.storage, row.file.name
assert storage.exists(name)
row.delete()
assert not storage.exists(name), "the file outlived its row"
"""


def test_deleting_a_row_deletes_its_file(buckets: Buckets, tmp_path: Path) -> None:
    env = os.environ | {
        "DJANGO_SETTINGS_MODULE": "examples.project.settings",
        "DJANGO_DATABASE": str(tmp_path / "db.sqlite3"),
        "MINIO_ENDPOINT": buckets.options["MINIO_ENDPOINT"],
        "MINIO_ACCESS_KEY": buckets.options["MINIO_ACCESS_KEY"],
        "MINIO_SECRET_KEY": buckets.options["MINIO_SECRET_KEY"],
        "MINIO_PRIVATE_BUCKET": buckets.private,
        "MINIO_PUBLIC_BUCKET": buckets.public,
        "MINIO_STATIC_FILES_BUCKET": buckets.static,
    }
    for arguments in (["migrate", "-v", "0"], ["shell", "-c", DELETE]):
        command = [sys.executable, "examples/manage.py", *arguments]
        done = subprocess.run(
            command, cwd=EXAMPLES.parent, env=env, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
