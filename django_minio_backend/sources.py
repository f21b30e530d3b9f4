"""Large content as a request's body: read as it is sent, never more of it than was announced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django_minio_backend.signing import ChunkSigner

#: Bytes of content in a chunk that has a signature of its own.
CHUNK = 2**20
_HASH_BLOCK = 2**20
# ";chunk-signature=", a SHA-256 in hexadecimal and two line ends.
_CHUNK_OVERHEAD = 17 + 64 + 4


class Source:
    """`size` bytes of seekable content, from its start."""

    def __init__(self, content: Any, size: int, advance: Callable[[int], None]) -> None:
        self._content = content
        self.size = size
        self._advance = advance
        self._reported = 0
        #: What reading the content raised, which says more than what became of the request.
        self.failure: BaseException | None = None
        self.seek(0)

    def read(self, count: int = -1) -> bytes:
        """Read on, but never past the size that was announced: a file may have grown since."""
        try:
            left = self.size - self._content.tell()
            data: bytes = self._content.read(left if count < 0 else min(count, left))
            if not data and left:
                raise OSError("The content became shorter while it was being sent.")
        except BaseException as error:
            self.failure = error
            raise
        # A retry sends again what has been reported already.
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
    """A source in chunks with a signature each, so that it need not be read twice.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._signer: ChunkSigner | None = None
        self._pending = memoryview(b"")
        self._ended = False
        self._position = 0

    @property
    def length(self) -> int:
        """How many bytes are sent in all."""
        full, rest = divmod(self._source.size, CHUNK)
        return full * _sent(CHUNK) + (_sent(rest) if rest else 0) + _sent(0)

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
        """Begin again: a retry sends all of it."""
        assert position == 0
        assert self._signer
        self._signer.rewind()
        self._pending, self._ended, self._position = memoryview(b""), False, 0
        return self._source.seek(0)

    def _next(self) -> bytes:
        assert self._signer
        chunk = self._source.read(CHUNK)
        # A file may give less than it is asked for, but what was announced is full chunks.
        while chunk and len(chunk) < CHUNK and (more := self._source.read(CHUNK - len(chunk))):
            chunk += more
        self._ended = not chunk
        head = f"{len(chunk):x};chunk-signature={self._signer.sign(chunk)}\r\n"
        return b"%b%b\r\n" % (head.encode(), chunk)


def _sent(size: int) -> int:
    """Return how many bytes a chunk of `size` bytes is on the wire."""
    return len(f"{size:x}") + _CHUNK_OVERHEAD + size
