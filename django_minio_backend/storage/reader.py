"""Objects as readable files: ranges of one version, larger ones for sequential reading."""

from __future__ import annotations

import hashlib
import io
import os
from functools import partial
from typing import Any, BinaryIO

from django_minio_backend import errors
from django_minio_backend.errors import StorageError
from django_minio_backend.s3.client import Client
from django_minio_backend.s3.payloads import Content
from django_minio_backend.s3.responses import etag_is_md5
from django_minio_backend.s3.streams import Stream
from django_minio_backend.storage.compression import decompress
from django_minio_backend.storage.metadata import FileStat, read_original

#: The first range of a reader, in bytes. A smaller object needs no second request.
FIRST_RANGE = 2**20
# A range costs the server about as much as sending 2 MiB, so there should be few.
_GROWTH = 8
_AFTER_SEEK = 256 * 2**10
# The block that is read at once. It fits into a processor's cache.
_BLOCK = 256 * 2**10
# A gap up to this size is read and dropped: that is faster than a new request.
_SKIP = 2**20
_BUFFER = 64 * 2**10


class ObjectReader(io.RawIOBase):
    """Reads an object, or its bytes `[start, stop)`, in ranges of one version.

    Opening it is one request, which fails if there is no such object. Sequential reading requests
    larger and larger ranges, whose bytes arrive while earlier ones are processed. A seek elsewhere
    requests a small range. Positions and `size` belong to the part that is read; `total` is the
    object's size.
    """

    def __init__(self, client: Client, key: str, start: int = 0, stop: int | None = None) -> None:
        # The range that is still arriving, and the process that requested it.
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
        self.original = read_original(stream.headers)
        # Only a checksum shows damage in transit. TLS has its own.
        is_whole = start == 0 and stop is None and not client.is_secure
        self._digest = _choose_digest(stream) if is_whole else None
        self._digested = 0
        self._window = memoryview(stream.read(FIRST_RANGE))
        self._window_start = 0
        self._position = 0
        self._range = FIRST_RANGE
        self._stream = stream

    @property
    def etag(self) -> str:
        """The ETag of the version that is read."""
        return self._version.etag

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
        """Return up to `most` bytes from the position, and move it past them. None are left at the
        end.
        """
        self._check_open()
        if self._position >= self.size or not most:
            return memoryview(b"")
        while not self._window_start <= self._position < self._window_stop:
            self._fetch()
        start = self._position - self._window_start
        piece = self._window[start : start + most]
        if self._digest is not None and self._digested == self._position:
            self._check(piece)
        self._position += len(piece)
        return piece

    def _check(self, piece: memoryview) -> None:
        """Hash the bytes that are read in order. Raises IntegrityError at the end if they are
        damaged.
        """
        assert self._digest is not None
        self._digest.update(piece)
        self._digested += len(piece)
        if self._digested == self.size and self._digest.hexdigest() != self._version.etag:
            where = self._client.location.at(self._key)
            detail = f"its MD5 is {self._digest.hexdigest()}, not {self._version.etag}"
            raise errors.make_error(errors.IntegrityError, where, detail=detail)

    @property
    def _window_stop(self) -> int:
        return self._window_start + len(self._window)

    def _fetch(self) -> None:
        """Move the window to the position, or nearer to it."""
        start = self._window_stop
        data: Content = b""
        # Two blocks at once would double the memory for reading.
        self._window, self._window_start = memoryview(b""), start
        if 0 <= self._position - start <= _SKIP:
            data = self._read_arriving()
        if not data:
            start, size = self._position, self._range * _GROWTH
            if start != self._window_start:
                # Formats with a directory at their end (zip, parquet) are read from back to front.
                start, size = min(start, max(0, self.size - _AFTER_SEEK)), _AFTER_SEEK
            self._begin(start, size)
            data = self._read_arriving()
        self._window, self._window_start = memoryview(data), start

    def _begin(self, start: int, size: int) -> None:
        """Request the `size` bytes from `start`."""
        self._stop()
        first, stop = self._offset + start, self._offset + min(start + size, self.size)
        self._stream = self._client.stream(self._key, first, stop, like=self._version)
        self._range, self._process = size, os.getpid()

    def _read_arriving(self) -> Content:
        """Return the next block of the range, an empty one at its end."""
        if self._stream is None or self._process != os.getpid():
            return b""
        return self._stream.read(_BLOCK)

    def _stop(self) -> None:
        """Give up the bytes that have not arrived."""
        # A forked child has its parent's connection too, and must not touch it.
        if self._stream is not None and self._process == os.getpid():
            self._stream.close()
        self._stream = None

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")


def _choose_digest(stream: Stream) -> Any:
    """Return a hash if the ETag is the content's MD5, else None."""
    return hashlib.md5(usedforsecurity=False) if etag_is_md5(stream.etag, stream.headers) else None


def open_content(
    client: Client, key: str, limit: int, start: int = 0, stop: int | None = None
) -> BinaryIO:
    """Open the bytes `[start, stop)` of an object's content for reading.

    Compressed content of up to `limit` bytes is unpacked in memory. Raises IntegrityError for more.
    """
    try:
        reader = ObjectReader(client, key, start, stop)
    except StorageError as error:
        # The stored content ends before the original content.
        if error.status != 416 or FileStat.of(client.stat(key)).content_size <= start:
            raise
        reader = ObjectReader(client, key)
    if reader.original is None:
        return io.BufferedReader(reader, _BUFFER)
    if start or stop is not None:
        reader = ObjectReader(client, key)
    with reader:
        return io.BytesIO(_decompress_all(client, key, reader, limit)[start:stop])


def _decompress_all(client: Client, key: str, reader: ObjectReader, limit: int) -> bytes:
    if reader.original is None:
        raise client.make_changed(key)
    try:
        if reader.size > limit:
            raise ValueError(f"it has {reader.size:,} bytes compressed, more than {limit:,}")
        return decompress(reader.readall(), reader.original, limit)
    except ValueError as error:
        where = client.location.at(key)
        raise errors.make_error(errors.IntegrityError, where, detail=str(error)) from error
