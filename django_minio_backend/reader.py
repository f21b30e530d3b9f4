"""Objects as readable files: ranges of one version, read ahead where reading is sequential."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, BinaryIO

from django_minio_backend import errors
from django_minio_backend.client import Client
from django_minio_backend.compression import decompress
from django_minio_backend.errors import StorageError

#: The first range of a reader, in bytes: a smaller object needs no second request.
FIRST_RANGE = 2**20
_LARGEST_RANGE = 8 * 2**20
_RANGE_AFTER_SEEK = 256 * 2**10
_BUFFER = 64 * 2**10


class ObjectReader(io.RawIOBase):
    """Reads an object, or the bytes `[start, stop)` of it, in ranges, all of one version of it.

    Opening it is one request, which fails when there is no such object. Sequential reading asks
    for ever larger ranges, the next one while this one is read; a seek elsewhere for a small one.
    Positions and `size` are those of the part that is read, `total` is the object's size.
    """

    def __init__(self, client: Client, key: str, start: int = 0, stop: int | None = None) -> None:
        self._client = client
        self._key = key
        self._offset = start
        self._ahead = ReadAhead()
        first = start + FIRST_RANGE
        block = client.read(key, start, first if stop is None else min(first, stop))
        self.total = block.total
        self.size = (block.total if stop is None else min(stop, block.total)) - start
        self.original_size = block.original_size
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
        view = memoryview(buffer).cast("B")
        piece = self._next(len(view))
        view[: len(piece)] = piece
        return len(piece)

    def readall(self) -> bytes:
        return b"".join(iter(partial(self._next, self.size), b""))

    def close(self) -> None:
        self._window = memoryview(b"")
        self._ahead.stop()
        super().close()

    def _next(self, most: int) -> memoryview:
        """Return up to `most` bytes from the position, which moves past them; none at the end."""
        self._check_open()
        if self._position >= self.size or not most:
            return memoryview(b"")
        if not self._window_start <= self._position < self._window_stop:
            self._fetch()
        start = self._position - self._window_start
        piece = self._window[start : start + most]
        self._position += len(piece)
        return piece

    @property
    def _window_stop(self) -> int:
        return self._window_start + len(self._window)

    def _fetch(self) -> None:
        sequential = self._position == self._window_stop
        self._range = min(self._range * 2, _LARGEST_RANGE) if sequential else _RANGE_AFTER_SEEK
        start, stop = self._position, min(self._position + self._range, self.size)
        # Two large windows at once would double what reading costs in memory.
        self._window = memoryview(b"")
        if not sequential:
            # Formats with a directory at their end (zip, parquet) read it from back to front.
            start = min(start, max(0, self.size - self._range))
            data = self._read(start, stop)
        else:
            data = self._ahead.take(start) or self._read(start, stop)
            following = start + len(data)
            if following < self.size:
                further = min(self._range * 2, _LARGEST_RANGE)
                self._ahead.begin(self._read, following, min(following + further, self.size))
        self._window, self._window_start = memoryview(data), start

    def _read(self, start: int, stop: int) -> bytes:
        offset = self._offset
        block = self._client.read(self._key, offset + start, offset + stop, etag=self._etag)
        if block.total != self.total:
            raise self._client.changed(self._key)
        return block.data

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")


class ReadAhead:
    """Reads the range that is likely wanted next, in a thread of its own, one at a time."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None
        self._process = 0
        self._start = 0
        self._coming: Future[bytes] | None = None

    def begin(self, read: Callable[[int, int], bytes], start: int, stop: int) -> None:
        """Start reading `[start, stop)`. The reader is not held on to, lest both live for ever."""
        if self._threads is None or self._process != os.getpid():
            self._threads = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
            self._process = os.getpid()
        self._start, self._coming = start, self._threads.submit(read, start, stop)

    def take(self, start: int) -> bytes:
        """Return the bytes from `start`, waiting for them; b"" when others are on their way.

        Raises what reading them did.
        """
        coming, self._coming = self._coming, None
        # A fork leaves the thread behind, and its answer would never come.
        if coming is None or self._start != start or self._process != os.getpid():
            return b""
        return coming.result()

    def stop(self) -> None:
        self._coming = None
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None


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
    if reader.original_size is None:
        return io.BufferedReader(reader, _BUFFER)
    if start or stop is not None:
        reader = ObjectReader(client, key)
    with reader:
        return io.BytesIO(_decompressed(client, key, reader)[start:stop])


def _decompressed(client: Client, key: str, reader: ObjectReader) -> bytes:
    if reader.original_size is None:
        raise client.changed(key)
    try:
        return decompress(reader.readall(), reader.original_size)
    except ValueError as error:
        where = client.transport.where.of(key)
        raise errors.build(errors.IntegrityError, where, detail=str(error)) from error
