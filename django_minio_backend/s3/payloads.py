"""Large content as the body of a request: read while it is sent, and never beyond its size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from django_minio_backend.s3.signing import ChunkSigner

#: The bytes of content in a chunk with its own signature.
CHUNK = 2**20
_HASH_BLOCK = 2**20
# ";chunk-signature=", a SHA-256 in hexadecimal and two line ends.
_CHUNK_OVERHEAD = 17 + 64 + 4


class Payload:
    """`size` bytes of seekable content, from its start."""

    def __init__(self, content: Any, size: int, advance: Callable[[int], None]) -> None:
        self._content = content
        self.size = size
        self._advance = advance
        self._reported = 0
        #: The error of reading the content. It says more than the failed request.
        self.failure: BaseException | None = None
        self.seek(0)

    def read(self, count: int = -1) -> bytes:
        """Read on, but never beyond the announced size: a file may have grown since."""
        try:
            remaining = self.size - self._content.tell()
            data: bytes = self._content.read(remaining if count < 0 else min(count, remaining))
            if not data and remaining:
                raise OSError("The content became shorter while it was being sent.")
        except BaseException as error:
            self.failure = error
            raise
        # A retry sends bytes again that were reported already.
        if (position := self._content.tell()) > self._reported:
            self._advance(position - self._reported)
            self._reported = position
        return data

    def tell(self) -> int:
        return int(self._content.tell())

    def seek(self, position: int) -> int:
        return int(self._content.seek(position))

    def feed(self, *algorithms: Any) -> None:
        """Feed the content to hashlib's objects, and rewind."""
        while block := self._content.read(min(_HASH_BLOCK, self.size - self.tell())):
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
    def length(self) -> int:
        """The number of bytes on the wire."""
        full, rest = divmod(self._source.size, CHUNK)
        return (
            full * _measure_chunk(CHUNK) + (_measure_chunk(rest) if rest else 0) + _measure_chunk(0)
        )

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


Content = bytes | bytearray


class Readable(Protocol):
    """A body that is read while it is sent. A retry reads it from its start again."""

    def read(self, count: int = -1, /) -> bytes | memoryview: ...
    def tell(self) -> int: ...
    def seek(self, position: int, /) -> int: ...


Body = Content | Readable
