"""Content of any source, sent to the server in memory bounded by the part size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from django_minio_backend.errors import StorageError
from django_minio_backend.redaction import strip_frames
from django_minio_backend.s3.client import ALWAYS, MAX_SINGLE_PUT, Client
from django_minio_backend.s3.multipart import MAX_PARTS
from django_minio_backend.s3.payloads import Content, Part, Payload, Source
from django_minio_backend.storage.compression import Compression
from django_minio_backend.storage.content import Readable, pop_each, read_blocks
from django_minio_backend.storage.content_types import add_charset
from django_minio_backend.storage.parts import Parts

# The bytes of a text that are inspected for its charset.
_SAMPLE = 64 * 2**10
# The size from which a file goes in parts by default, and the least size of such a part. The parts
# are not held in memory.
_LARGE = 64 * 2**20
_SEGMENT = 32 * 2**20


@dataclass(frozen=True)
class Upload:
    """How content is sent. Sizes are bytes.

    `parts_from` is the smallest size that is sent in parts. None: only what one request cannot
    send. `is_split` says that a large file is, too, if any part of it can be read at once.
    """

    headers: Mapping[str, str]
    part_size: int
    parts_from: int | None = None
    is_split: bool = False
    parallel: int = 1
    #: ALWAYS, ONLY_NEW or `make_replacing(etag)`: see `Client.put`.
    condition: Mapping[str, str] = field(default_factory=lambda: ALWAYS)
    progress: Any = None
    compression: Compression = Compression()
    #: True if UTF-8 text is stored with that charset.
    tells_charset: bool = True
    #: Called with the key when the object is stored.
    stored: Callable[[str], None] = lambda key: None

    def send(self, client: Client, key: str, content: Any) -> None:
        """Store all of `content`, from its start if it can seek. It may be a `Readable`.

        Up to one part is sent at once from memory. Larger content goes in one request too if its
        size is known, unless it is to go in parts. Content of a known size is read while it is
        sent, and twice if the server may not accept signed chunks. Raises ObjectExists if
        `condition` does not hold. An error of reading the content is raised as it is. Nothing is
        stored then.
        """
        if not isinstance(content, Readable):
            content = Readable.of(content, self.part_size)
        self._send(client, key, content)
        self.stored(key)

    def _send(self, client: Client, key: str, readable: Readable) -> None:
        size = readable.size
        self._announce(key, size)
        if size is not None and size <= self.part_size:
            self._put_whole(client, key, readable.read_whole())
        elif size is not None and not self._goes_in_parts(client, readable, size):
            self._send_whole(client, key, Source(readable.content), size)
        elif size is not None and readable.is_random:
            self._send_segments(client, key, Source(readable.content), size)
        else:
            block_size = max(self.part_size, -(-(size or 0) // MAX_PARTS))
            blocks = read_blocks(readable.content, block_size)
            head = list(islice(blocks, 2))
            if len(head) == 2:
                headers = self.make_headers(head[0], is_all=False)
                self._send_parts(client, key, headers, chain(pop_each(head), blocks))
            else:
                self._put_whole(client, key, head[0] if head else b"")

    def _put_whole(self, client: Client, key: str, whole: Content) -> None:
        self.put(client, key, whole)
        self._advance(len(whole))

    def put(self, client: Client, key: str, whole: Content) -> None:
        """Store content that is in memory, compressed if its type is listed."""
        body, headers = self.compression.of(whole, self.make_headers(whole, is_all=True))
        client.put(key, body, headers, condition=self.condition)

    def make_headers(self, start: Content, *, is_all: bool) -> Mapping[str, str]:
        """Return the headers of content with this start."""
        if not self.tells_charset:
            return self.headers
        return add_charset(self.headers, start, is_all=is_all)

    def _goes_in_parts(self, client: Client, readable: Readable, size: int) -> bool:
        # Ceph overwrites a name that is taken when parts are finished. A server that is not known
        # gets one request.
        may_split = self.is_split and readable.is_random and client.takes_signed_chunks
        if may_split and size >= _LARGE:
            return True
        return size > MAX_SINGLE_PUT or (self.parts_from is not None and size >= self.parts_from)

    def _send_whole(self, client: Client, key: str, source: Source, size: int) -> None:
        headers = self.make_headers(source.read_at(0, _SAMPLE), is_all=False)
        payload = Payload(source, size, advance=self._advance)
        with _failing_as(source):
            client.put(key, payload, headers, condition=self.condition)

    def _send_segments(self, client: Client, key: str, source: Source, size: int) -> None:
        part_size = max(self.part_size, -(-size // MAX_PARTS), _SEGMENT if self.is_split else 0)
        headers = self.make_headers(source.read_at(0, _SAMPLE), is_all=False)
        segments = (
            Payload(source, min(part_size, size - start), start)
            for start in range(0, size, part_size)
        )
        with _failing_as(source):
            self._send_parts(client, key, headers, segments)

    def _send_parts(
        self, client: Client, key: str, headers: Mapping[str, str], blocks: Iterable[Part]
    ) -> None:
        parts = Parts(client, key, lambda _: headers, self.parallel, self._advance)
        try:
            for block in blocks:
                parts.put(block)
                del block  # free it before the next one is made
            parts.finish(self.condition)
        except BaseException:
            parts.abort()
            raise

    def _announce(self, key: str, size: int | None) -> None:
        if callable(announce := getattr(self.progress, "set_meta", None)):
            announce(object_name=key, total_length=size or 0)

    def _advance(self, count: int) -> None:
        if self.progress is not None:
            self.progress.update(count)


@contextmanager
def _failing_as(source: Source) -> Iterator[None]:
    """Raise the error of reading the source instead of that of the request that it broke."""
    try:
        yield
    except StorageError:
        if source.failure is None:
            raise
        strip_frames(source.failure)
        raise source.failure from None
