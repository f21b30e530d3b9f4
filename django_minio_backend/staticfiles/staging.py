"""Static files collected in a temporary folder before they go to the bucket."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import IO, Any, cast

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage

from django_minio_backend import names
from django_minio_backend.staticfiles.storages import MinioBackendStatic


@dataclass(frozen=True)
class LocalFile:
    """A file to store, and the place of its content."""

    name: str
    storage: Storage
    path: str

    def open(self) -> File[Any]:
        return self.storage.open(self.path)


@contextmanager
def stage_files(storage: MinioBackendStatic) -> Iterator[Stage]:
    """Yield a copy of the storage that saves into a temporary folder.

    `copy_of` adds a file that is stored as it is, so that the copy can read it. `sources` returns
    all files to store, except the manifest.
    """
    with TemporaryDirectory(prefix="collectstatic-") as folder:
        copied = copy.copy(storage)
        copied.__class__ = type(f"Staged{type(storage).__name__}", (Stage, type(storage)), {})
        stage = cast(Stage, copied)
        stage.begin(folder)
        yield stage


class Stage(MinioBackendStatic):
    """A static files storage with a folder in the place of the bucket."""

    def begin(self, folder: str) -> None:
        self.folder = FileSystemStorage(folder)
        self.originals: dict[str, LocalFile] = {}
        self.saved: dict[str, None] = {}
        self.manifest_storage = self

    def copy_of(self, name: str, storage: Storage, path: str) -> None:
        self.originals[name] = LocalFile(name, storage, path)

    def sources(self, manifest: str) -> list[LocalFile]:
        generated = [LocalFile(name, self.folder, name) for name in self.saved if name != manifest]
        return [*self.originals.values(), *generated]

    def exists(self, name: str) -> bool:
        return name in self.saved or name in self.originals

    def delete(self, name: str) -> None:
        if name in self.saved:
            self.folder.delete(name)
            del self.saved[name]

    def save(self, name: str | None, content: IO[Any], max_length: int | None = None) -> str:
        return self._save(name or "", content)

    def _save(self, name: str, content: IO[Any]) -> str:
        cleaned = names.clean_name(name)
        self.delete(cleaned)
        self.folder.save(cleaned, content)
        self.saved[cleaned] = None
        return cleaned

    def _open(self, name: str, mode: str = "rb") -> File[Any]:  # type: ignore[override]
        if name in self.saved:
            return self.folder.open(name, mode)
        if name in self.originals:
            return self.originals[name].open()
        raise FileNotFoundError(name)
