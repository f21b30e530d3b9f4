"""Objects as readable files: ranges of one version, ever larger where reading is sequential."""

from __future__ import annotations

import io
import os
from functools import partial
from typing import Any, BinaryIO

from django_minio_backend import errors
from django_minio_backend.bodies import Stream
from django_minio_backend.client import Client
from django_minio_backend.compression import decompress, original
from django_minio_backend.errors import StorageError

#: The first range of a reader, in bytes: a smaller object needs no second request.
FIRST_RANGE = 2**20
# Each range costs the server about as much as sending 2 MiB, so there are to be few of them.
_GROWTH = 8
_AFTER_SEEK = 256 * 2**10
# What is read of a range at once, small enough for a processor's cache.
_BLOCK = 256 * 2**10
# What is read over rather than left out by asking anew.
_SKIP = 2**20
_BUFFER = 64 * 2**10


class ObjectReader(io.RawIOBase):
    """Reads an object, or the bytes `[start, stop)` of it, in ranges, all of one version of it.

    Opening it is one request, which fails when there is no such object. Sequential reading asks
    for ever larger ranges, whose bytes arrive while earlier ones are worked on; a seek elsewhere
    for a small one. Positions and `size` are those of the part that is read, `total` is the
    object's size.
    """

    def __init__(self, client: Client, key: str, start: int = 0, stop: int | None = None) -> None:
        # What is still arriving, for the process that asked for it.
        self._stream: Stream | None = None
        self._process = os.getpid()
        self._client = client
        self._key = key
        self._offset = start
        first = start + FIRST_RANGE
        self._version = stream = client.stream(
            key, start, first if stop is None else min(first, stop)
        )
        self.total = stream.total
        self.size = (stream.total if stop is None else min(stop, stream.total)) - start
        self.headers = stream.headers
        self.original = original(stream.headers)
        self._window = memoryview(stream.read(FIRST_RANGE))
        self._window_start = 0
        self._position = 0
        self._range = FIRST_RANGE
        self._stream = stream

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
        view = memoryview(buffer).cast("B")
        piece = self._next(len(view))
        view[: len(piece)] = piece
        return len(piece)

    def readall(self) -> bytes:
        return b"".join(iter(partial(self._next, self.size), b""))

    def close(self) -> None:
        self._window = memoryview(b"")
        self._stop()
        super().close()

    def _next(self, most: int) -> memoryview:
        """Return up to `most` bytes from the position, which moves past them; none at the end."""
        self._check_open()
        if self._position >= self.size or not most:
            return memoryview(b"")
        while not self._window_start <= self._position < self._window_stop:
            self._fetch()
        start = self._position - self._window_start
        piece = self._window[start : start + most]
        self._position += len(piece)
        return piece

    @property
    def _window_stop(self) -> int:
        return self._window_start + len(self._window)

    def _fetch(self) -> None:
        """Make the window one that holds the position, or is nearer to it."""
        start, data = self._window_stop, b""
        # Two blocks at once would double what reading costs in memory.
        self._window, self._window_start = memoryview(b""), start
        if 0 <= self._position - start <= _SKIP:
            data = self._arriving()
        if not data:
            start, size = self._position, self._range * _GROWTH
            if start != self._window_start:
                # Formats with a directory at their end (zip, parquet) read it from back to front.
                start, size = min(start, max(0, self.size - _AFTER_SEEK)), _AFTER_SEEK
            self._begin(start, size)
            data = self._arriving()
        self._window, self._window_start = memoryview(data), start

    def _begin(self, start: int, size: int) -> None:
        """Ask for the `size` bytes from `start`."""
        self._stop()
        first, stop = self._offset + start, self._offset + min(start + size, self.size)
        self._stream = self._client.stream(self._key, first, stop, like=self._version)
        self._range, self._process = size, os.getpid()

    def _arriving(self) -> bytes:
        """Return the next block of the range, nothing when it is at its end."""
        if self._stream is None or self._process != os.getpid():
            return b""
        return self._stream.read(_BLOCK)

    def _stop(self) -> None:
        """Give up what has not arrived."""
        # A forked child has its parent's connection too, and must leave it alone.
        if self._stream is not None and self._process == os.getpid():
            self._stream.close()
        self._stream = None

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")


def open_content(client: Client, key: str, start: int = 0, stop: int | None = None) -> BinaryIO:
    """Open the bytes `[start, stop)` of an object's content for reading.

    What is stored compressed is read whole, into memory, and fits: it did when it was saved.
    """
    try:
        reader = ObjectReader(client, key, start, stop)
    except StorageError as error:
        # The end of what is stored comes before that of what was compressed.
        if error.status != 416 or client.stat(key).content_size <= start:
            raise
        reader = ObjectReader(client, key)
    if reader.original is None:
        return io.BufferedReader(reader, _BUFFER)
    if start or stop is not None:
        reader = ObjectReader(client, key)
    with reader:
        return io.BytesIO(_decompressed(client, key, reader)[start:stop])


def _decompressed(client: Client, key: str, reader: ObjectReader) -> bytes:
    if reader.original is None:
        raise client.changed(key)
    try:
        return decompress(reader.readall(), reader.original)
    except ValueError as error:
        where = client.transport.where.of(key)
        raise errors.build(errors.IntegrityError, where, detail=str(error)) from error
