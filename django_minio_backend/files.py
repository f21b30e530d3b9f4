"""Content on its way: uploads from any source, a ranged reader, and a writer.

Memory is bounded by the part size in every direction. Nothing here knows of storages.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, cast

from django.core.files.base import File

from django_minio_backend.client import MAX_PARTS, MAX_SINGLE_PUT, Client
from django_minio_backend.errors import StorageError

if TYPE_CHECKING:
    _File = File[Any]
else:
    _File = File  # not generic at run time

#: The first range of a reader, in bytes: a smaller object needs no second request.
FIRST_RANGE = 2**20
_LARGEST_RANGE = 8 * 2**20
_RANGE_AFTER_SEEK = 256 * 2**10
_HASH_BLOCK = 2**20


@dataclass(frozen=True)
class Upload:
    """How content is sent. Sizes are bytes; `parts_from` None: in parts only where it must be."""

    headers: Mapping[str, str]
    part_size: int
    parts_from: int | None = None
    only_new: bool = False
    progress: Any = None

    def send(self, client: Client, key: str, content: File[Any]) -> None:
        """Store all of `content`, from its start when it can seek.

        Up to one part is sent at once from memory. More goes in one request too when its size is
        known, read twice: for the checksum and for sending. Else it goes in parts. With `only_new`
        raises ObjectExists, nothing stored, when there is an object already. What reading the
        content raises is raised as it is, with nothing stored.
        """
        size = binary_size(content)
        self._announce(key, size)
        if size is not None and self._fits_one_request(size):
            _HashedBody(content, size, self._advance).send(client, key, self)
            return
        blocks = read_blocks(content, max(self.part_size, -(-(size or 0) // MAX_PARTS)))
        head = list(islice(blocks, 2))
        if len(head) == 2:
            self._send_parts(client, key, chain(iter(partial(_pop, head), b""), blocks))
        else:
            client.put(key, b"".join(head), self.headers, only_new=self.only_new)
            self._advance(len(b"".join(head)))

    def _fits_one_request(self, size: int) -> bool:
        in_parts = self.parts_from is not None and size >= self.parts_from
        return self.part_size < size <= MAX_SINGLE_PUT and not in_parts

    def _send_parts(self, client: Client, key: str, blocks: Iterable[bytes]) -> None:
        parts = Parts(client, key, self.headers)
        try:
            for block in blocks:
                parts.put(block)
                self._advance(len(block))
                del block  # before the next one is made
            parts.finish(only_new=self.only_new)
        except BaseException:
            parts.abort()
            raise

    def _announce(self, key: str, size: int | None) -> None:
        if callable(announce := getattr(self.progress, "set_meta", None)):
            announce(object_name=key, total_length=size or 0)

    def _advance(self, count: int) -> None:
        if self.progress is not None:
            self.progress.update(count)


class Parts:
    """An upload in parts: begun with the first, invisible until finished, gone when aborted."""

    def __init__(self, client: Client, key: str, headers: Mapping[str, str]) -> None:
        self._client = client
        self._key = key
        self._headers = headers
        self._upload = ""
        self._etags: list[str] = []

    def put(self, block: bytes) -> None:
        if len(self._etags) == MAX_PARTS:
            raise ValueError(
                f"'{self._key}' has more than {MAX_PARTS:,} parts, which is S3's limit: "
                "raise MINIO_MULTIPART_PART_SIZE."
            )
        self._upload = self._upload or self._client.start_parts(self._key, self._headers)
        number = len(self._etags) + 1
        self._etags.append(self._client.put_part(self._key, self._upload, number, block))

    def finish(self, *, only_new: bool = False) -> None:
        self._client.finish_parts(self._key, self._upload, self._etags, only_new=only_new)

    def abort(self) -> None:
        # The failure that led here is the one to report.
        if self._upload:
            with suppress(StorageError):
                self._client.abort_parts(self._key, self._upload)

    @property
    def begun(self) -> bool:
        return bool(self._upload)


class _HashedBody:
    """A large seekable content as a request body: hashed in one pass, sent in a second."""

    def __init__(self, content: File[Any], size: int, advance: Callable[[int], None]) -> None:
        self._content = content
        self._size = size
        self._advance = advance
        self._failure: BaseException | None = None

    def send(self, client: Client, key: str, upload: Upload) -> None:
        digests = [hashlib.sha256()]
        locked = any(name.startswith("x-amz-object-lock") for name in upload.headers)
        md5 = hashlib.md5(usedforsecurity=False)
        for block in read_blocks(self._content, _HASH_BLOCK):
            digests[0].update(block)
            if locked:
                md5.update(block)
        self._content.seek(0)
        headers = {**upload.headers, "Content-Length": str(self._size)}
        try:
            client.put(
                key,
                cast(IO[bytes], self),
                headers,
                sha256=digests[0].hexdigest(),
                only_new=upload.only_new,
            )
        except StorageError:
            if self._failure is not None:
                raise self._failure from None
            raise

    def read(self, count: int = -1) -> bytes:
        try:
            data: bytes = self._content.read(count)
            if not data and self._content.tell() < self._size:
                raise OSError("The content became shorter while it was being sent.")
        except BaseException as error:
            self._failure = error
            raise
        self._advance(len(data))
        return data

    def tell(self) -> int:
        return int(self._content.tell())

    def seek(self, position: int) -> int:
        return int(self._content.seek(position))


def _pop(blocks: list[bytes]) -> bytes:
    return blocks.pop(0) if blocks else b""


def binary_size(content: File[Any]) -> int | None:
    """Return the size in bytes, measured by seeking; None for text and for what cannot seek."""
    try:
        if not content.seekable() or not isinstance(content.read(0), bytes):
            return None
        size = content.seek(0, os.SEEK_END)
        content.seek(0)
    except (AttributeError, io.UnsupportedOperation):
        return None
    return size if isinstance(size, int) else None


def read_blocks(content: File[Any], size: int) -> Iterator[bytes]:
    """Yield the content from its start in blocks of `size` bytes, the last one shorter.

    Text is encoded as UTF-8. `content` may be a File around anything that reads or iterates.
    """
    # Nothing here outlives a yield but what is left over: the caller's block is the only one.
    held: list[bytes] = []
    for piece in _pieces(content, size):
        held.append(piece)
        while sum(map(len, held)) >= size:
            yield _take(held, size)
    if held:
        yield b"".join(held)


def _take(held: list[bytes], size: int) -> bytes:
    """Return the first `size` bytes of `held`, which keeps the rest."""
    joined = held[0] if len(held) == 1 else b"".join(held)
    held[:] = [joined[size:]] if len(joined) > size else []
    return joined[:size]


def _pieces(content: File[Any], size: int) -> Iterator[bytes]:
    source: Iterable[Any]
    if not hasattr(content, "read"):
        # A generator, or something else that only iterates.
        source = cast(Iterable[Any], content.file) if isinstance(content, File) else content
    elif callable(seekable := getattr(content, "seekable", None)) and not seekable():
        source = iter(partial(content.read, size), b"")
    else:
        source = content.chunks(size)
    for piece in source:
        if piece:
            yield piece.encode() if isinstance(piece, str) else bytes(piece)


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

    def __init__(
        self, client: Client, key: str, headers: Mapping[str, str], part_size: int
    ) -> None:
        self._parts = Parts(client, key, headers)
        self._put = partial(client.put, key, headers=headers)
        self._part_size = part_size
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
        settings = upload()
        buffer = ObjectWriter(client, key, settings.headers, settings.part_size)
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
