"""Content of any kind, inspected and read: its size, its blocks, and whether it rewinds."""

from __future__ import annotations

import inspect
import io
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import IO, Any, cast

from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import InMemoryUploadedFile

from django_minio_backend.s3.payloads import Content


def pop_each(blocks: list[Content]) -> Iterator[Content]:
    """Yield the blocks, and drop each one."""
    while blocks:
        yield blocks.pop(0)


@dataclass(frozen=True)
class Readable:
    """Content of any kind after one look at it.

    `content` is a File, or another object that reads or iterates. `size` is its bytes, None for
    text and for content that cannot seek. Content that does not rewind can be read only once.
    """

    content: Any
    size: int | None
    rewinds: bool
    #: True if it has up to the `limit` of `of`, in bytes or in characters of text.
    is_small: bool
    #: True if any part of it can be read at once. A compressed file, for example, is read from its
    #: start for that.
    is_random: bool = False

    @property
    def content_type(self) -> object:
        """The content type that came with the content, None without one."""
        return getattr(self.content, "content_type", None)

    @classmethod
    def of(cls, content: Any, limit: int) -> Readable:
        """Look at content. If it does not rewind, keep up to `limit` bytes in memory, so that it
        does.
        """
        if not _can_rewind(content):
            return cls._hold(content, limit)
        try:
            is_binary = isinstance(content.read(0), bytes)
            size = content.seek(0, os.SEEK_END)
            if not isinstance(size, int):
                size = content.tell()
            content.seek(0)
        except (AttributeError, io.UnsupportedOperation):
            return cls(content, None, True, False)
        return cls(content, size if is_binary else None, True, size <= limit, _is_random(content))

    @classmethod
    def _hold(cls, content: Any, limit: int) -> Readable:
        blocks = read_blocks(content, limit)
        head = list(islice(blocks, 2))
        is_small = len(head) < 2
        held: Any
        if is_small:
            held = ContentFile(bytes(b"".join(head)))
        else:
            held = File(cast(IO[Any], Blocks(chain(pop_each(head), blocks))))
        held.name = getattr(content, "name", None)
        held.content_type = getattr(content, "content_type", None)
        return cls(held, held.size if is_small else None, is_small, is_small)

    def read_whole(self) -> bytes:
        """Return all bytes, as many as were measured."""
        assert self.size is not None
        if getattr(type(self.content), "chunks", None) not in _PLAIN_CHUNKS:
            return b"".join(read_blocks(self.content, self.size))
        self.content.seek(0)
        data: bytes = self.content.read(self.size)
        while len(data) < self.size and (more := self.content.read(self.size - len(data))):
            data += more
        return data


_RANDOM = frozenset({io.BytesIO, io.BufferedReader, io.BufferedRandom, io.FileIO})
# These give the bytes that `read` gives.
_PLAIN_CHUNKS = (File.chunks, InMemoryUploadedFile.chunks)


def _can_rewind(content: Any) -> bool:
    try:
        return bool(content.seekable())
    except AttributeError:  # Django's File has it, but its file may not
        return False


def _is_random(content: Any) -> bool:
    """Return True for a file on a disk or in memory, whatever holds it."""
    while _passes_on(content):
        content = content.file
    return type(content) in _RANDOM


def _passes_on(content: Any) -> bool:
    """Return True for a holder of a file that reads as the file does."""
    kind = type(content)
    if isinstance(content, File):
        return getattr(kind, "read", None) is File.read
    return kind.__module__ == "tempfile" and hasattr(content, "file")


class Blocks:
    """Content in the form of blocks."""

    def __init__(self, blocks: Iterator[Content]) -> None:
        self.blocks = blocks
        self._rest = b""

    def read(self, count: int = -1) -> bytes:
        """Read like a file, for a `_save` that expects one."""
        while (block := next(self.blocks, None)) is not None:
            self._rest += bytes(block)
            if 0 <= count <= len(self._rest):
                break
        end = len(self._rest) if count < 0 else count
        data, self._rest = self._rest[:end], self._rest[end:]
        return data


def read_blocks(content: File[Any], size: int) -> Iterator[Content]:
    """Yield the content from its start in blocks of `size` bytes; the last one may be shorter.

    Text is encoded as UTF-8. `content` may be a File around anything that reads or iterates.
    """
    if isinstance(blocks := getattr(content, "file", None), Blocks):
        yield from blocks.blocks
        return
    # One block of memory at a time: nothing here keeps a block that was yielded.
    block: Content = b""
    filled = 0
    for piece in _read_pieces(content, size):
        rest = memoryview(piece)
        while rest:
            taken = min(size - filled, len(rest))
            if taken == len(piece) and not filled:
                block = piece  # a small file as a whole, or a whole block
            else:
                block = _make_room(block, filled, size)
                block[filled : filled + taken] = rest[:taken]
            filled, rest = filled + taken, rest[taken:]
            if filled == size:
                full, block, filled = block, b"", 0
                yield full
                del full
    if filled:
        if isinstance(block, bytearray):
            del block[filled:]
        yield block


def _make_room(block: Content, filled: int, size: int) -> bytearray:
    """Return a block of `size` bytes that starts with the `filled` bytes of this one."""
    if isinstance(block, bytearray) and len(block) == size:
        return block
    room = bytearray(size)
    room[:filled] = block[:filled]
    return room


def _read_pieces(content: File[Any], size: int) -> Iterator[bytes]:
    source: Iterable[Any]
    if not hasattr(content, "read"):
        # A generator, or another object that only iterates.
        source = cast(Iterable[Any], content.file) if isinstance(content, File) else content
    elif not hasattr(content, "chunks") or (
        hasattr(content, "seekable") and not _can_rewind(content)
    ):
        source = _read_to_the_end(content, size)
    else:
        source = content.chunks(size) if _takes_a_size(content.chunks) else content.chunks()
    for piece in source:
        if isinstance(piece, str):
            piece = piece.encode()
        if not isinstance(piece, bytes | bytearray | memoryview):
            raise TypeError(f"content must give bytes or str, not {type(piece).__name__}")
        if piece:
            yield bytes(piece)


def _takes_a_size(chunks: Callable[..., Any]) -> bool:
    if getattr(chunks, "__func__", None) in _PLAIN_CHUNKS:
        return True
    try:
        inspect.signature(chunks).bind(0)
    except TypeError:
        return False
    return True


def _read_to_the_end(content: Any, size: int) -> Iterator[Any]:
    while piece := content.read(size):
        yield piece
    if piece is None:
        raise BlockingIOError("content that has no data yet cannot be saved: make it blocking")
