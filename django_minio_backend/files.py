"""Objects as files: a ranged reader, a writer that publishes when it is closed, a Django File.

Memory is bounded by the part size. Nothing here knows of storages.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, cast

from django.core.files.base import File

from django_minio_backend.client import Client
from django_minio_backend.uploads import Parts, Upload

if TYPE_CHECKING:
    _File = File[Any]
else:
    _File = File  # not generic at run time


#: The first range of a reader, in bytes: a smaller object needs no second request.
FIRST_RANGE = 2**20


_LARGEST_RANGE = 8 * 2**20

_RANGE_AFTER_SEEK = 256 * 2**10


class ObjectReader(io.RawIOBase):
    """Reads an object in ranges, all of one version of it.

    Opening it is one request, which fails when there is no such object. Sequential reading asks
    for ever larger ranges, a seek elsewhere for a small one.
    """

    def __init__(self, client: Client, key: str) -> None:
        self._client = client
        self._key = key
        block = client.read(key, 0, FIRST_RANGE)
        self.size = block.total
        self._etag = block.etag
        self._window = memoryview(block.data)
        self._window_start = 0
        self._position = 0
        self._range = FIRST_RANGE

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        self._check_open()
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._check_open()
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError(f"negative seek position {base + offset}")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        self._check_open()
        view = memoryview(buffer).cast("B")
        if self._position >= self.size or not view:
            return 0
        start = self._position - self._window_start
        if not 0 <= start < len(self._window):
            self._fetch()
            start = self._position - self._window_start
        piece = self._window[start : start + len(view)]
        view[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def close(self) -> None:
        self._window = memoryview(b"")
        super().close()

    def _fetch(self) -> None:
        sequential = self._position == self._window_start + len(self._window)
        self._range = min(self._range * 2, _LARGEST_RANGE) if sequential else _RANGE_AFTER_SEEK
        start, stop = self._position, min(self._position + self._range, self.size)
        if not sequential:
            # Formats with a directory at their end (zip, parquet) read it from back to front.
            start = min(start, max(0, self.size - self._range))
        # Two large windows at once would double what reading costs in memory.
        self._window = memoryview(b"")
        data = self._client.read(self._key, start, stop, etag=self._etag).data
        self._window, self._window_start = memoryview(data), start

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")


class ObjectWriter(io.BufferedIOBase):
    """Sends what is written to it and publishes the object when it is closed.

    Until then, and after `discard()`, the old object stays as it was.
    """

    def __init__(self, client: Client, key: str, upload: Upload) -> None:
        self._parts = Parts(client, key, upload.headers, upload.parallel)
        self._put = partial(client.put, key, headers=upload.headers)
        self._part_size = upload.part_size
        self._pending = bytearray()
        self._position = 0
        self._discarded = False

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: Any) -> int:
        if self.closed:
            raise ValueError("write to closed file")
        view = memoryview(data).cast("B")
        for start in range(0, len(view), self._part_size):
            self._take(view[start : start + self._part_size])
        self._position += len(view)
        return len(view)

    def _take(self, piece: memoryview) -> None:
        if self._discarded:
            return
        room = self._part_size - len(self._pending)
        self._pending += piece[:room]
        # A full part waits until more comes: a file of exactly one part is a single request.
        if len(piece) > room:
            self._send(bytes(self._pending))
            self._pending = bytearray(piece[room:])

    def _send(self, part: bytes) -> None:
        try:
            self._parts.put(part)
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Throw away what was written and close."""
        if self.closed or self._discarded:
            return
        self._discarded = True
        self._pending.clear()
        self._parts.abort()
        super().close()

    def close(self) -> None:
        """Publish the object. Raises when that fails, with the old object as it was."""
        if self.closed:
            return
        try:
            if self._parts.begun:
                self._parts.put(bytes(self._pending))
                self._parts.finish()
            else:
                self._put(bytes(self._pending))
        except BaseException:
            self.discard()
            raise
        super().close()

    def __del__(self) -> None:
        # A file that was never closed was never finished.
        self.discard()


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
        if kind is None:
            self.close()
        else:
            self.discard()

    def __del__(self) -> None:
        # `open(name).read()` lets go of this object before it reads, so only a writer is closed.
        if not getattr(self, "closed", True) and isinstance(_raw(self.file), ObjectWriter):
            self.discard()


def open_object(client: Client, key: str, mode: str, upload: Callable[[], Upload]) -> IO[Any]:
    """Open an object: "rb" and "r" read it, "wb" and "w" write it anew; text is UTF-8."""
    buffer: Any
    if mode in {"r", "rt", "rb"}:
        buffer = io.BufferedReader(ObjectReader(client, key), 64 * 2**10)
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
