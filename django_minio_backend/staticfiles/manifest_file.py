"""The manifest of static files, in the bucket and in STATIC_ROOT."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from django.conf import settings
from django.core.files.base import File


class _Storage(Protocol):
    def open(self, name: str) -> File[Any]: ...
    def replace(self, name: str, content: File[Any]) -> None: ...


class ManifestFile:
    """The manifest's file in the bucket, with a copy in STATIC_ROOT that is read first.

    It has the methods of a Storage that Django's `load_manifest` and `save_manifest` use.
    """

    def __init__(self, storage: _Storage) -> None:
        self._storage = storage

    def open(self, name: str) -> File[Any]:
        local = self._local(name)
        if local is not None and local.is_file():
            return File(local.open("rb"))
        return self._storage.open(name)

    def exists(self, name: str) -> bool:
        # Django deletes the old manifest before it saves the new one. Ours is replaced instead.
        return False

    def _save(self, name: str, content: File[Any]) -> str:
        self._storage.replace(name, content)
        content.seek(0)
        self.keep_copy(name, content.read())
        return name

    def keep_copy(self, name: str, content: bytes) -> None:
        if (local := self._local(name)) is not None:
            local.parent.mkdir(parents=True, exist_ok=True)
            local.write_bytes(content)

    def _local(self, name: str) -> Path | None:
        root = settings.STATIC_ROOT
        return Path(root, name) if root else None
