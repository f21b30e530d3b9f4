from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import FileSystemStorage, InMemoryStorage, Storage

from django_minio_backend.bgfiles import toolbox
from django_minio_backend.bgfiles.models import FileRequest, discard
from tests.bgfiles.conftest import Numbers, stored

pytestmark = pytest.mark.django_db


def test_names_in_the_storage_cannot_be_guessed(memory: None, queued: FileRequest) -> None:
    toolbox.attach_file(queued, b"1", filename="../../secret plan.tar.gz")
    name = queued.filehandle.name or ""
    assert name.startswith("bgfiles/")
    assert name.endswith(".gz")
    assert "plan" not in name
    assert len(name) == len("bgfiles/") + 40 + len(".gz")


def test_a_source_that_breaks_off_leaves_no_file(place: Any, queued: FileRequest) -> None:
    class Breaking(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if data := super().read(4):
                return data
            raise OSError("the source broke off")

    place("disk")
    row = FileRequest.objects.get()
    with pytest.raises(OSError, match="broke off"):
        toolbox.attach_file(row, Breaking(b"half"))
    assert row.filehandle.storage.listdir("bgfiles")[1] == []


def test_a_storage_that_only_saves_is_written_to_as_well(
    memory: None, queued: FileRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage: Any = queued.filehandle.storage
    kind, opened = type(storage), type(storage).open

    def only_reading(self: Any, name: str, mode: str = "rb") -> Any:
        if mode != "rb":
            raise ValueError("read-only")
        return opened(self, name, mode)

    monkeypatch.setattr(kind, "open", only_reading)
    Numbers.handle(queued)
    assert stored(queued) == b"0\r\n1\r\n2\r\n"


def test_files_on_disk_have_the_permissions_of_uploads(
    place: Any, user: User, settings: Any
) -> None:
    place("disk")
    settings.FILE_UPLOAD_PERMISSIONS = 0o640
    request = toolbox.add_request("n=3", "numbers", user, filename="a.csv")
    Numbers.handle(request)
    path = Path(request.filehandle.path)
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_file_that_cannot_be_deleted_is_named_in_the_log(
    memory: None, queued: FileRequest, caplog: pytest.LogCaptureFixture, monkeypatch: Any
) -> None:
    def down(name: str) -> None:
        raise ConnectionError("secret address")

    storage = queued.filehandle.storage
    monkeypatch.setattr(storage, "delete", down)
    with caplog.at_level(logging.ERROR):
        discard(storage, "bgfiles/a.csv")
    assert "bgfiles/a.csv may be left over: ConnectionError" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("kind", ["Wrapping", "Renaming", "dual"])
def test_any_storage_will_do(queued: FileRequest, settings: Any, tmp_path: Path, kind: str) -> None:
    disk = "django.core.files.storage.FileSystemStorage"
    options = {"Wrapping": {"root": str(tmp_path)}, "dual": {"new": "a", "old": "b"}}
    dual = "django_minio_backend.models.DualReadStorage"
    backend = dual if kind == "dual" else f"{__name__}.{kind}"
    settings.STORAGES = {
        **settings.STORAGES,
        "a": {"BACKEND": disk, "OPTIONS": {"location": str(tmp_path / "a")}},
        "b": {"BACKEND": disk, "OPTIONS": {"location": str(tmp_path / "b")}},
        "bgfiles": {"BACKEND": backend, "OPTIONS": options.get(kind, {})},
    }
    assert Numbers.handle(FileRequest.objects.get())
    assert stored(FileRequest.objects.get()) == b"0\r\n1\r\n2\r\n"


class Wrapping(Storage):
    """Around a file system, as those that encrypt are; with `root` a folder."""

    def __init__(self, root: str) -> None:
        self.inner = FileSystemStorage(root)

    def _open(self, name: str, mode: str = "rb") -> Any:
        return self.inner.open(name, mode)

    def _save(self, name: str, content: Any) -> str:
        return self.inner.save(name, content)

    def exists(self, name: str) -> bool:
        return self.inner.exists(name)

    def size(self, name: str) -> int:
        return self.inner.size(name)


class Renaming(InMemoryStorage):
    """Reads only, and saves by names of its own."""

    def open(self, name: str, mode: str = "rb") -> Any:
        if mode != "rb":
            raise ValueError(mode)
        return super().open(name, mode)

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        return super().save(str(name).replace(".", "_1."), content, max_length)
