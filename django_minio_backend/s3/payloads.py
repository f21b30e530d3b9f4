"""Large content as the body of a request: read while it is sent, and never beyond its size."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from django_minio_backend.s3.signing import ChunkSigner

#: The bytes of content in a chunk with its own signature.
CHUNK = 2**20
_HASH_BLOCK = 2**20
# ";chunk-signature=", a SHA-256 in hexadecimal and two line ends.
_CHUNK_OVERHEAD = 17 + 64 + 4


class Source:
    """Seekable content. Several payloads may read it, each in a thread of its own."""

    def __init__(self, content: Any) -> None:
        self._content = content
        self._lock = threading.Lock()
        #: The error of reading the content. It says more than a failed request.
        self.failure: BaseException | None = None

    def read_at(self, position: int, count: int) -> bytes:
        """Return up to `count` bytes from a position. Raises OSError if there are none."""
        try:
            with self._lock:
                if self._content.tell() != position:
                    self._content.seek(position)
                data: bytes = self._content.read(count)
            if not data and count:
                raise OSError("The content became shorter while it was being sent.")
        except BaseException as error:
            self.failure = error
            raise
        return data


class Payload:
    """`size` bytes of a source, from `start`."""

    def __init__(
        self,
        source: Source,
        size: int,
        start: int = 0,
        advance: Callable[[int], None] = lambda count: None,
    ) -> None:
        self.size = size
        self._source = source
        self._start = start
        self._advance = advance
        self._position = self._reported = 0

    def __len__(self) -> int:
        return self.size

    def read(self, count: int = -1) -> bytes:
        """Read on, but never beyond the announced size: a file may have grown since."""
        data = self._read(count)
        # A retry sends bytes again that were reported already.
        if self._position > self._reported:
            self._advance(self._position - self._reported)
            self._reported = self._position
        return data

    def _read(self, count: int) -> bytes:
        remaining = self.size - self._position
        data = self._source.read_at(
            self._start + self._position, remaining if count < 0 else min(count, remaining)
        )
        self._position += len(data)
        return data

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> int:
        self._position = position
        return position

    def feed(self, *algorithms: Any) -> None:
        """Feed the content to hashlib's objects, and rewind."""
        while block := self._read(_HASH_BLOCK):
            for algorithm in algorithms:
                algorithm.update(block)
        self.seek(0)


class SignedChunks:
    """A payload in chunks with a signature each, so that it is read only once.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
    """

    def __init__(self, source: Payload) -> None:
        self._source = source
        self._signer: ChunkSigner | None = None
        self._pending = memoryview(b"")
        self._ended = False
        self._position = 0

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers that tell the number of bytes on the wire and in the content."""
        size = self._source.size
        full, rest = divmod(size, CHUNK)
        ends = (_measure_chunk(rest) if rest else 0) + _measure_chunk(0)
        return {
            "Content-Length": str(full * _measure_chunk(CHUNK) + ends),
            "x-amz-decoded-content-length": str(size),
        }

    def sign_with(self, signer: ChunkSigner) -> None:
        self._signer = signer

    def read(self, count: int = -1) -> memoryview:
        if not self._pending and not self._ended:
            self._pending = memoryview(self._next())
        data = self._pending if count < 0 else self._pending[:count]
        self._pending = self._pending[len(data) :]
        self._position += len(data)
        return data

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> int:
        """Start again: a retry sends everything."""
        assert position == 0
        assert self._signer
        self._signer.rewind()
        self._pending, self._ended, self._position = memoryview(b""), False, 0
        return self._source.seek(0)

    def _next(self) -> bytes:
        assert self._signer
        chunk = self._source.read(CHUNK)
        # A file may return less than it is asked for, but the announced chunks are full.
        while chunk and len(chunk) < CHUNK and (more := self._source.read(CHUNK - len(chunk))):
            chunk += more
        self._ended = not chunk
        head = f"{len(chunk):x};chunk-signature={self._signer.sign(chunk)}\r\n"
        return b"%b%b\r\n" % (head.encode(), chunk)


def _measure_chunk(size: int) -> int:
    """Return the bytes that a chunk of `size` bytes has on the wire."""
    return len(f"{size:x}") + _CHUNK_OVERHEAD + size


#: Content in memory.
Content = bytes | bytearray


class Readable(Protocol):
    """A body that is read while it is sent. A retry reads it from its start again."""

    def read(self, count: int = -1, /) -> bytes | memoryview: ...
    def tell(self) -> int: ...
    def seek(self, position: int, /) -> int: ...


#: A part of an object.
Part = Content | Payload
Body = Content | Readable
