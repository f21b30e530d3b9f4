"""A site of django-storages changes over with the printed settings, and keeps its files."""

from __future__ import annotations

import os
from io import StringIO
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command

from django_minio_backend import MinioBackend
from tests.conftest import Buckets, heed_options
from tools.minio_server import Server


def print_settings() -> str:
    out = StringIO()
    call_command("minio_settings", "--from", "django-storages", stdout=out)
    return out.getvalue()


def test_the_old_files_are_there_with_the_printed_settings(
    server: Server, buckets: Buckets, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3 = pytest.importorskip("storages.backends.s3")
    options = {
        "bucket_name": buckets.private,
        "endpoint_url": f"http://{server.endpoint}",
        "access_key": server.access_key,
        "secret_key": server.secret_key,
        "location": "media",
        "object_parameters": {"CacheControl": "max-age=60"},
    }
    names = ["a.txt", "b/ä ö+%41.txt"]
    old = s3.S3Storage(**options)
    for name in names:
        old.save(name, ContentFile(b"old"))
    settings.STORAGES = {
        "default": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options},
        "staticfiles": settings.STORAGES["staticfiles"],
    }
    printed = print_settings()
    assert server.secret_key not in printed
    assert "    # OPTIONS['location']: MINIO_LOCATION\n" in printed
    monkeypatch.setitem(os.environ, "MINIO_ACCESS_KEY", server.access_key)
    monkeypatch.setitem(os.environ, "MINIO_SECRET_KEY", server.secret_key)
    new: dict[str, Any] = {}
    exec(printed, new)
    settings.STORAGES = {**settings.STORAGES, **new["STORAGES"]}
    heed_options()
    storage = MinioBackend()
    for name in names:
        assert storage.open(name).read() == b"old"
        assert storage.save(name, ContentFile(b"new")) == name
        with old.open(name) as file:
            assert file.read() == b"new"
    assert storage.stat("a.txt").metadata["Cache-Control"] == "max-age=60"


def test_a_project_without_such_a_storage_is_told(settings: Any) -> None:
    with pytest.raises(CommandError, match="No storage of django-storages is in STORAGES"):
        print_settings()
