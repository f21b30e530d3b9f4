"""Objects as files: a ranged reader, a writer that publishes when it is closed, a Django File.

Memory is bounded by the part size. Nothing here knows of storages.
"""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
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
    """Reads an object, or the bytes `[start, stop)` of it, in ranges, all of one version of it.

    Opening it is one request, which fails when there is no such object. Sequential reading asks
    for ever larger ranges, the next one while this one is read; a seek elsewhere for a small one.
    Positions and `size` are those of the part that is read, `total` is the object's size.
    """

    def __init__(self, client: Client, key: str, start: int = 0, stop: int | None = None) -> None:
        self._client = client
        self._key = key
        self._offset = start
        self._ahead = ReadAhead(self._read)
        first = start + FIRST_RANGE
        block = client.read(key, start, first if stop is None else min(first, stop))
        self.total = block.total
        self.size = (block.total if stop is None else min(stop, block.total)) - start
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
                self._ahead.begin(following, min(following + further, self.size))
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

    def __init__(self, read: Callable[[int, int], bytes]) -> None:
        self._read = read
        self._threads: ThreadPoolExecutor | None = None
        self._process = 0
        self._start = 0
        self._coming: Future[bytes] | None = None

    def begin(self, start: int, stop: int) -> None:
        if self._threads is None or self._process != os.getpid():
            self._threads = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
            self._process = os.getpid()
        self._start, self._coming = start, self._threads.submit(self._read, start, stop)

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


class ObjectWriter(io.BufferedIOBase):
    """Sends what is written to it and publishes the object when it is closed.

    Until then, and after `discard()`, the old object stays as it was.
    """

    def __init__(self, client: Client, key: str, upload: Upload) -> None:
        self._name = key
        self._stored = upload.stored
        self._parts = Parts(client, key, upload.headers, upload.parallel)
        self._put = partial(client.put, key, headers=upload.headers)
        self._part_size = upload.part_size
        self._pending = bytearray()
        self._position = 0
        self._discarded = False
        self._process = os.getpid()
        self._handled = sys.exception()
        #: Set by who knows that it is left cleanly, whatever `close` may guess.
        self.left_cleanly = False

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
        # A forked child has a copy of a file that its parent is still writing.
        if self._process == os.getpid():
            self._parts.abort()
        super().close()

    def close(self) -> None:
        """Publish the object. Raises when that fails, with the old object as it was.

        Not when a `with` block is being left by an exception, nor in a forked child.
        """
        if self.closed:
            return
        if self._process != os.getpid() or (not self.left_cleanly and self._is_left_by_exception()):
            self.discard()
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
        self._stored(self._name)

    def _is_left_by_exception(self) -> bool:
        """Say whether some `__exit__` calls this with an exception on its way.

        Django's FieldFile closes its file in `__exit__` without passing on why.
        """
        if sys.exception() in {None, self._handled}:
            return False
        frame = sys._getframe(1)
        while frame is not None and frame.f_code.co_name in {"close", "__exit__"}:
            if frame.f_code.co_name == "__exit__":
                return True
            frame = frame.f_back  # type: ignore[assignment]
        return False

    def __del__(self) -> None:
        # A file that was never closed was never finished.
        if not self.closed and not self._discarded:
            self.discard()
            warnings.warn(f"{self._name!r} was never closed and not stored", ResourceWarning, 2)


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


def buffered(reader: ObjectReader) -> io.BufferedReader:
    return io.BufferedReader(reader, 64 * 2**10)


def open_object(client: Client, key: str, mode: str, upload: Callable[[], Upload]) -> IO[Any]:
    """Open an object: "rb" and "r" read it, "wb" and "w" write it anew; text is UTF-8."""
    buffer: Any
    if mode in {"r", "rt", "rb"}:
        buffer = buffered(ObjectReader(client, key))
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
