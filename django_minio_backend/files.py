"""Objects as Django Files, over a reader or a writer. Nothing here knows of storages."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, cast

from django.core.files.base import File

from django_minio_backend.client import Client
from django_minio_backend.reader import ObjectReader, open_content
from django_minio_backend.uploads import Upload
from django_minio_backend.writer import ObjectWriter

if TYPE_CHECKING:
    _File = File[Any]
else:
    _File = File  # not generic at run time


class S3File(_File):
    """An object as a Django File; an exception inside `with` discards what was written."""

    def __init__(self, opener: Callable[[str], IO[Any]], name: str, mode: str) -> None:
        self._opener = opener
        super().__init__(opener(mode), name)
        self.mode = mode

    @property
    def size(self) -> int:
        """The object's size in bytes; of a file being written, what was written so far."""
        raw = _raw(self.file)
        if isinstance(raw, io.BytesIO):
            return raw.getbuffer().nbytes
        return raw.size if isinstance(raw, ObjectReader) else cast(int, raw.tell())

    def open(self, mode: str | None = None, *args: Any, **kwargs: Any) -> S3File:
        """Rewind, or open again when the file is closed or is wanted in another mode."""
        if self.closed or (mode and mode != self.mode):
            self.close()
            self.mode = mode or self.mode
            self.file = self._opener(self.mode)
        else:
            self.seek(0)
        return self

    def discard(self) -> None:
        """Close; what was written is thrown away and the old object stays."""
        raw = _raw(self.file)
        if isinstance(raw, ObjectWriter):
            raw.discard()
        with suppress(ValueError):  # a text layer that still wants to flush
            self.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.discard()
            return
        raw = _raw(self.file)
        if isinstance(raw, ObjectWriter):
            raw.left_cleanly = True
        self.close()

    def __del__(self) -> None:
        # `open(name).read()` lets go of this object before it reads, so only a writer is closed.
        # Its text layer must not publish on its way out.
        if not getattr(self, "closed", True) and isinstance(raw := _raw(self.file), ObjectWriter):
            raw.__del__()


def open_object(client: Client, key: str, mode: str, upload: Callable[[], Upload]) -> IO[Any]:
    """Open an object: "rb" and "r" read it, "wb" and "w" write it anew; text is UTF-8."""
    buffer: Any
    if mode in {"r", "rt", "rb"}:
        buffer = open_content(client, key)
    elif mode in {"w", "wt", "wb"}:
        buffer = ObjectWriter(client, key, upload())
    else:
        raise ValueError(
            f"'{key}' cannot be opened with mode {mode!r}: objects are read ('rb', 'r') or "
            "written anew ('wb', 'w')."
        )
    return buffer if mode.endswith("b") else io.TextIOWrapper(buffer, encoding="utf-8")


def _raw(file: Any) -> Any:
    """Return the reader or writer below the standard library's layers."""
    buffer = getattr(file, "buffer", file)
    return getattr(buffer, "raw", buffer)
