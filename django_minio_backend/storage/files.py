"""Objects as Django Files, over a reader or a writer. Nothing here knows of storages."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, cast

from django.core.files.base import File
from django.core.files.storage import Storage

from django_minio_backend.s3.client import Client
from django_minio_backend.storage.reader import ObjectReader, open_content
from django_minio_backend.storage.uploads import Upload
from django_minio_backend.storage.writer import ObjectWriter

if TYPE_CHECKING:
    _File = File[Any]
else:
    _File = File  # not generic at run time


class S3File(_File):
    """An object as a Django File. An exception inside `with` discards the written content."""

    def __init__(
        self, file: IO[Any], name: str, storage: Storage | None = None, mode: str = "rb"
    ) -> None:
        super().__init__(file, name)
        self._storage = storage
        self._opener: Callable[[str], IO[Any]] = self._open_in_storage
        self.mode = mode

    @classmethod
    def opened_by(cls, opener: Callable[[str], IO[Any]], name: str, mode: str) -> S3File:
        """Return the file of `opener` for a mode. It opens the file again after it is closed."""
        opened = cls(opener(mode), name, mode=mode)
        opened._opener = opener
        return opened

    def _open_in_storage(self, mode: str) -> IO[Any]:
        if self._storage is None:
            raise ValueError(f"'{self.name}' is closed and has no storage to open it again.")
        return cast(IO[Any], self._storage.open(str(self.name), mode).file)

    @property
    def size(self) -> int:
        """The object's size in bytes. While writing, the number of bytes written so far."""
        raw = _unwrap(self.file)
        if isinstance(raw, io.BytesIO):
            return raw.getbuffer().nbytes
        if isinstance(raw, ObjectReader | ObjectWriter):
            return raw.size
        return super().size

    @property
    def etag(self) -> str:
        """The ETag of the object that is read; "" while writing, and for compressed content."""
        raw = _unwrap(self.file)
        return raw.etag if isinstance(raw, ObjectReader) else ""

    def open(self, mode: str | None = None, *args: Any, **kwargs: Any) -> S3File:
        """Rewind, or open again if the file is closed or another mode is wanted."""
        if self.closed or (mode and mode != self.mode):
            self.close()
            self.mode = mode or self.mode
            self.file = self._opener(self.mode)
        else:
            self.seek(0)
        return self

    def discard(self) -> None:
        """Close, and discard the written content. The old object stays."""
        if isinstance(raw := _unwrap(self.file), ObjectWriter):
            raw.is_held = False
            raw.discard()
        with suppress(ValueError):  # a text layer may still want to flush
            self.close()

    def __enter__(self) -> S3File:
        if isinstance(raw := _unwrap(self.file), ObjectWriter):
            raw.is_held = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        raw = _unwrap(self.file)
        if kind is not None:
            self.discard()
            return
        try:
            self.close()  # a text layer writes the rest now
        except BaseException:
            self.discard()
            raise
        if isinstance(raw, ObjectWriter):
            raw.is_held = False
            raw.publish()

    def __del__(self) -> None:
        # `open(name).read()` drops this object before it reads, so only a writer is closed. Its
        # text layer must not publish at its end.
        if not getattr(self, "closed", True) and isinstance(
            raw := _unwrap(self.file), ObjectWriter
        ):
            raw.__del__()


def open_object(
    client: Client, key: str, mode: str, limit: int, upload: Callable[[], Upload]
) -> IO[Any]:
    """Open an object: "rb" and "r" read it, "wb" and "w" write it anew. Text is UTF-8.

    `limit` is that of `open_content`.
    """
    buffer: Any
    if mode in {"r", "rt", "rb"}:
        buffer = open_content(client, key, limit)
    elif mode in {"w", "wt", "wb"}:
        buffer = ObjectWriter(client, key, upload())
    else:
        raise ValueError(
            f"'{key}' cannot be opened with mode {mode!r}: objects are read ('rb', 'r') or "
            "written anew ('wb', 'w')."
        )
    return buffer if mode.endswith("b") else io.TextIOWrapper(buffer, encoding="utf-8")


def _unwrap(file: Any) -> Any:
    """Return the reader or writer below the layers of the standard library."""
    buffer = getattr(file, "buffer", file)
    return getattr(buffer, "raw", buffer)
