from __future__ import annotations

import io
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage, storages
from django.core.management import CommandError, call_command

from django_minio_backend.moving.transfer import Transfer
from tests.conftest import Buckets

pytestmark = pytest.mark.django_db
BACKEND = "django_minio_backend.models.MinioBackend"
BACKEND_OF_DJANGO = "django.core.files.storage.InMemoryStorage"
LONG_AGO = datetime(2001, 2, 3, 4, 5, 6, 500_000, tzinfo=UTC)
EXTRA: dict[str, Any] = {"delete_extra": True, "interactive": False}


@pytest.fixture
def aliases(buckets: Buckets, settings: Any, tmp_path: Path) -> Callable[..., Any]:
    """Declare storages: "disk", "second" beside "default", "elsewhere" by another address."""
    public = {**buckets.options, "MINIO_DEFAULT_BUCKET": buckets.public}
    port = str(buckets.options["MINIO_ENDPOINT"]).rpartition(":")[2]
    elsewhere = {**public, "MINIO_ENDPOINT": f"localhost:{port}"}

    def declare(**more: dict[str, Any]) -> None:
        files = {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "disk")},
        }
        settings.STORAGES = {
            **settings.STORAGES,
            "disk": files,
            "second": {"BACKEND": BACKEND, "OPTIONS": public},
            "elsewhere": {"BACKEND": BACKEND, "OPTIONS": elsewhere},
            "memory": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
            **more,
        }

    declare()
    return declare


@pytest.fixture
def disk(aliases: Any) -> Path:
    """The folder of "disk", with a few files of an early date."""
    folder = Path(storages["disk"].path(""))
    for name, data in {"a.txt": b"a", "b/c ä.html": b"<p>", "b/d/empty.bin": b""}.items():
        write(folder, name, data)
    return folder


def write(folder: Path, name: str, data: bytes, when: datetime = LONG_AGO) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (when.timestamp(),) * 2)


def copy(source: str, target: str, **options: Any) -> tuple[str, str]:
    """Run the command and return what it says, failures last."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(
            "copy_storage", "--from", source, "--to", target, stdout=out, stderr=err, **options
        )
    except CommandError as error:
        err.write(f"FAILED: {error}")
    return out.getvalue(), err.getvalue()


def content(alias: str) -> dict[str, bytes]:
    """Return all that a storage has, below two folders at most."""
    storage = storages[alias]
    found, waiting = {}, [""]
    while waiting:
        folder = waiting.pop()
        folders, files = storage.listdir(folder)
        waiting += [f"{folder}{name}/" for name in folders]
        for name in files:
            with storage.open(f"{folder}{name}") as file:
                found[f"{folder}{name}"] = file.read()
    return found


def see_nothing_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all files of the target come after they were looked for."""
    run = Transfer.run
    blind = lambda transfer, item, find: run(transfer, item, lambda name: None)  # noqa: E731
    monkeypatch.setattr(Transfer, "run", blind)


def django_storages(buckets: Buckets, **options: Any) -> dict[str, Any]:
    """Return the public bucket as django-storages knows it."""
    pytest.importorskip("storages.backends.s3")
    given = {
        "endpoint_url": f"http://{buckets.options['MINIO_ENDPOINT'].rpartition('/')[2]}",
        "access_key": buckets.options["MINIO_ACCESS_KEY"],
        "secret_key": buckets.options["MINIO_SECRET_KEY"],
        "bucket_name": buckets.public,
    }
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {**given, **options}}


class Forbidding(FileSystemStorage):
    """A disk with a folder that nobody may list."""

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        if path == "lost+found":
            raise PermissionError(13, "Permission denied", path)
        return super().listdir(path)
