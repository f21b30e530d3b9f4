"""Content that is hashed on its way, and whose end is refused where the hash is another."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterable
from typing import Any

_BLOCK = 2**20


class Checksum:
    """An ETag as S3 makes it: an MD5, or with `part_size` (bytes) that of the parts' MD5s.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
    """

    def __init__(self, part_size: int = 0) -> None:
        self._part_size = part_size
        self._room = part_size
        self._part = _md5()
        self._parts: list[bytes] = []

    def update(self, data: bytes | memoryview) -> None:
        while self._part_size and len(data) > self._room:
            self._part.update(data[: self._room])
            data = data[self._room :]
            self._parts.append(self._part.digest())
            self._part, self._room = _md5(), self._part_size
        self._part.update(data)
        self._room -= len(data)

    @property
    def value(self) -> str:
        if not self._part_size:
            return str(self._part.hexdigest())
        digests = [*self._parts, self._part.digest()]
        return f"{_md5(b''.join(digests)).hexdigest()}-{len(digests)}"


class Damaged(OSError):
    """What was read is not what its checksum says."""


class Checked(io.RawIOBase):
    """A binary file of `size` bytes; reading its end raises Damaged where it is not `expected`.

    The checksum is that of the first reading from the start; an S3 server is sent it as it comes,
    so that nothing is stored of what is damaged.
    """

    def __init__(self, file: Any, size: int, expected: str = "", part_size: int = 0) -> None:
        self._file = file
        self._size = size
        self.expected = expected
        self.part_size = part_size
        self._checksum = Checksum(part_size)
        self._hashed = 0

    @property
    def checksum(self) -> str:
        """The checksum of all of it, "" before it was read to its end."""
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


def checksum_of(file: Any, part_size: int = 0) -> tuple[str, int]:
    """Return the checksum and the size of a binary file, from where it stands."""
    (found,), size = checksums_of(file, [part_size])
    return found, size


def checksums_of(file: Any, part_sizes: Iterable[int]) -> tuple[list[str], int]:
    """Return a checksum for each part size, and the size, in one reading."""
    checksums, size = [Checksum(part_size) for part_size in part_sizes], 0
    while block := file.read(_BLOCK):
        for checksum in checksums:
            checksum.update(block)
        size += len(block)
    return [checksum.value for checksum in checksums], size


def _md5(data: bytes = b"") -> Any:
    return hashlib.md5(data, usedforsecurity=False)
