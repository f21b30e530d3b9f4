"""Content that is hashed while it is read, and refused at its end if the hash is wrong."""

from __future__ import annotations

import base64
import hashlib
import io
import os
from collections.abc import Iterable, Sequence
from typing import Any

from django_minio_backend.s3.payloads import Content

_BLOCK = 2**20


class Checksum:
    """An ETag as S3 computes it: an MD5, or with `part_size` (bytes) the MD5 of the parts' MD5s.

    `sizes` are the sizes of uneven parts in bytes, including the last one.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
    """

    def __init__(self, part_size: int = 0, sizes: Sequence[int] = ()) -> None:
        self._part_size = part_size or (sizes[0] if sizes else 0)
        self._sizes = list(sizes)
        self._room = self._part_size
        self._part = _md5()
        self._parts: list[bytes] = []

    def update(self, data: bytes | memoryview) -> None:
        while self._part_size and len(data) > self._room:
            self._part.update(data[: self._room])
            data = data[self._room :]
            self._parts.append(self._part.digest())
            self._part, self._room = _md5(), self._size_of(len(self._parts))
        self._part.update(data)
        self._room -= len(data)

    def _size_of(self, number: int) -> int:
        return self._sizes[number] if number < len(self._sizes) else self._part_size

    @property
    def value(self) -> str:
        if not self._part_size:
            return str(self._part.hexdigest())
        digests = [*self._parts, self._part.digest()]
        return f"{_md5(b''.join(digests)).hexdigest()}-{len(digests)}"


class Damaged(OSError):
    """The content does not match its checksum."""


class Checked(io.RawIOBase):
    """A binary file of `size` bytes. Reading its end raises Damaged if it is not `expected`.

    The checksum is that of the first reading from the start. A server gets the content as it is
    read, so nothing is stored if it is damaged.
    """

    def __init__(
        self,
        file: Any,
        size: int,
        expected: str = "",
        part_size: int = 0,
        sizes: Sequence[int] = (),
    ) -> None:
        self._file = file
        self._size = size
        self.expected = expected
        self.part_size = part_size
        self.sizes = sizes
        self._checksum = Checksum(part_size, sizes)
        self._hashed = 0

    @property
    def checksum(self) -> str:
        """The checksum of the whole file, "" before it was read to its end."""
        return self._checksum.value if self._hashed == self._size else ""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return int(self._file.tell())

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._file.seek(offset, whence)
        return self.tell()

    def readinto(self, buffer: Any) -> int:
        start = self.tell()
        view = memoryview(buffer).cast("B")
        data = self._file.read(len(view))
        view[: len(data)] = data
        if start == self._hashed:
            self._take(view[: len(data)])
        return len(data)

    def _take(self, data: memoryview) -> None:
        self._checksum.update(data)
        self._hashed += len(data)
        if not data and self._hashed < self._size:
            raise Damaged(f"It ends after {self._hashed:,} of {self._size:,} bytes.")
        if self._hashed >= self._size and self.expected not in {"", self._checksum.value}:
            raise Damaged(f"Its checksum is {self._checksum.value}, not {self.expected}.")


def compute_checksum(file: Any, part_size: int = 0, sizes: Sequence[int] = ()) -> tuple[str, int]:
    """Return the checksum and the size of a binary file, from its position on."""
    (checksum,), size = _feed(file, [Checksum(part_size, sizes)])
    return checksum, size


def compute_checksums(file: Any, part_sizes: Iterable[int]) -> tuple[list[str], int]:
    """Return a checksum for each part size, and the size, in one reading."""
    return _feed(file, [Checksum(part_size) for part_size in part_sizes])


def _feed(file: Any, checksums: list[Checksum]) -> tuple[list[str], int]:
    size = 0
    while block := file.read(_BLOCK):
        for checksum in checksums:
            checksum.update(block)
        size += len(block)
    return [checksum.value for checksum in checksums], size


def _md5(data: bytes = b"") -> Any:
    return hashlib.md5(data, usedforsecurity=False)


def encode_md5(digest: bytes) -> str:
    """Return the value of Content-MD5. https://www.rfc-editor.org/rfc/rfc1864"""
    return base64.b64encode(digest).decode()


def md5_digest(body: Content) -> bytes:
    return hashlib.md5(body, usedforsecurity=False).digest()
