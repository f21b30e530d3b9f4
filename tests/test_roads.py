"""The roads of MIGRATIONS.md, walked with the settings that it shows."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
import pytest
from django.core import checks
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import call_command

from django_minio_backend import MinioBackend
from django_minio_backend.config import version3
from tests.conftest import Fetch
from tools.minio_server import Server

TEXT = (Path(__file__).parent.parent / "MIGRATIONS.md").read_text()
SHOWN = dict(re.findall(r"```python\n# (.*?)\n(.*?)```", TEXT, re.DOTALL))
BUCKETS = ("road-media-files", "road-static-files", "road-images")
NAME = "2026/Jahr & Übersicht.txt"


@pytest.fixture
def environment(
    server: Server, remove_buckets: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINIO_ENDPOINT", server.endpoint)
    monkeypatch.setenv("MINIO_ACCESS_KEY", server.access_key)
    monkeypatch.setenv("MINIO_SECRET_KEY", server.secret_key)
    monkeypatch.setattr(version3, "_warned", False)
    remove_buckets(*BUCKETS)
    for bucket in BUCKETS:
        MinioBackend(
            bucket,
            **server.options,
        ).s3.bucket.create()


def put_in_force(settings: Any, block: str) -> None:
    for name in [name for name in dir(settings) if name.startswith("MINIO_")]:
        delattr(settings, name)
    namespace: dict[str, Any] = {}
    exec(SHOWN[block], namespace)
    for name, value in namespace.items():
        if name.isupper():
            setattr(settings, name, value)


def save_some() -> tuple[str, str]:
    media = storages["default"].save(NAME, ContentFile(b"content"))
    static = storages["staticfiles"].save("app/style.css", ContentFile(b"body {}"))
    return media, static


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("v4: before and after", "v4: before and after"),
        ("v3: before", "v3: before"),
        ("v3: before", "v3: after"),
        ("django-minio-storage: before", "django-minio-storage: after"),
        ("django-storages: before", "django-storages: after"),
    ],
)
@pytest.mark.filterwarnings("default")
def test_files_of_before_are_there_after(
    settings: Any, fetch: Fetch, before: str, after: str
) -> None:
    for package in ("minio_storage", "storages.backends.s3"):
        if package in SHOWN[before]:
            pytest.importorskip(package)
    put_in_force(settings, before)
    media, static = save_some()
    put_in_force(settings, after)
    call_command("initialize_buckets", silenced=True)
    assert not [m for m in checks.run_checks() if m.level >= checks.ERROR]
    storage = storages["default"]
    assert isinstance(storage, MinioBackend)
    with storage.open(media) as file:
        assert file.read() == b"content"
    assert storage.size(media) == 7
    assert storage.listdir("2026") == ([], [Path(media).name])
    assert fetch(storage.url(media)).data == b"content"
    assert fetch(storage.url(media).partition("?")[0]).status == 403
    assert fetch(storages["staticfiles"].url(static)).data == b"body {}"
    assert save_some()[0] != media
    assert fetch(storage.url(media)).data == b"content"


def test_the_check_shows_what_migrations_shows(settings: Any, environment: None) -> None:
    with pytest.warns(DeprecationWarning, match="MINIO_"):
        put_in_force(settings, "v3: before")
        (warning,) = [m for m in checks.run_checks() if m.id == "django_minio_backend.W002"]
    assert "\"MINIO_DEFAULT_BUCKET\": 'road-media-files'" in str(warning.hint)


SETTINGS = """
DEFAULT_FILE_STORAGE = "django_minio_backend.models.MinioBackend"
STATICFILES_STORAGE = "django_minio_backend.models.MinioBackendStatic"
MINIO_ENDPOINT = "minio.example.com"
MINIO_ACCESS_KEY = "key"
MINIO_SECRET_KEY = "secret"
MINIO_PRIVATE_BUCKETS = ["media-files"]
MINIO_MEDIA_FILES_BUCKET = "media-files"
"""
SCRIPT = """
import django
django.setup()
from django.core.files.storage import default_storage
from django.contrib.staticfiles.storage import staticfiles_storage
from django_minio_backend.storage.backend import list_storages
assert default_storage.bucket == "media-files", default_storage
assert staticfiles_storage.bucket == "auto-generated-bucket-static-files"
assert sorted(alias for alias, _ in list_storages()) == ["default", "staticfiles"]
"""


@pytest.mark.skipif(django.VERSION >= (5, 1), reason="Django 5.1 has no DEFAULT_FILE_STORAGE")
def test_default_file_storage_works_where_django_has_it(tmp_path: Path) -> None:
    (tmp_path / "old_settings.py").write_text(SETTINGS)
    environment = {
        "PYTHONPATH": f"{tmp_path}:{Path(__file__).parent.parent}",
        "DJANGO_SETTINGS_MODULE": "old_settings",
    }
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
