"""Content of any source, sent to the server in memory bounded by the part size."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from django_minio_backend.errors import StorageError
from django_minio_backend.redaction import strip_frames
from django_minio_backend.s3.checksums import encode_md5
from django_minio_backend.s3.client import ALWAYS, MAX_SINGLE_PUT, Client, is_locked
from django_minio_backend.s3.multipart import MAX_PARTS
from django_minio_backend.s3.payloads import Body, Content, Payload, SignedChunks
from django_minio_backend.s3.signing import SIGNED_CHUNKS
from django_minio_backend.storage.compression import Compression
from django_minio_backend.storage.content import Readable, pop_each, read_blocks
from django_minio_backend.storage.content_types import add_charset
from django_minio_backend.storage.parts import Parts

# The bytes of a text that are inspected for its charset.
_SAMPLE = 64 * 2**10


@dataclass(frozen=True)
class Upload:
    """How content is sent. Sizes are bytes.

    `parts_from` is the smallest size that is sent in parts. None: only if the size is unknown or
    above 5 GiB.
    """

    headers: Mapping[str, str]
    part_size: int
    parts_from: int | None = None
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
        size is known; it is read twice if the server may not accept signed chunks. Else it goes in
        parts. Raises ObjectExists if `condition` does not hold. An error of reading the content is
        raised as it is. Nothing is stored then.
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
        elif size is not None and self._fits_one_request(size):
            self._send_whole(client, key, Payload(readable.content, size, self._advance))
        else:
            block_size = max(self.part_size, -(-(size or 0) // MAX_PARTS))
            blocks = read_blocks(readable.content, block_size)
            head = list(islice(blocks, 2))
            if len(head) == 2:
                self._send_parts(client, key, chain(pop_each(head), blocks))
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

    def _fits_one_request(self, size: int) -> bool:
        in_parts = self.parts_from is not None and size >= self.parts_from
        return size <= MAX_SINGLE_PUT and not in_parts

    def _send_whole(self, client: Client, key: str, source: Payload) -> None:
        headers = dict(self.make_headers(source.read(_SAMPLE), is_all=False))
        source.seek(0)
        body: Body
        if client.takes_signed_chunks and not is_locked(headers):
            body, sha256 = SignedChunks(source), SIGNED_CHUNKS
            headers["Content-Length"] = str(body.length)
            headers["x-amz-decoded-content-length"] = str(source.size)
        else:
            body, sha256 = source, _hash_payload(source, headers)
            headers["Content-Length"] = str(source.size)
        try:
            client.put(key, body, headers, sha256=sha256, condition=self.condition)
        except StorageError:
            if source.failure is not None:
                strip_frames(source.failure)
                raise source.failure from None
            raise

    def _send_parts(self, client: Client, key: str, blocks: Iterable[Content]) -> None:
        parts = Parts(client, key, self.make_headers, self.parallel, self._advance)
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


def _hash_payload(source: Payload, headers: dict[str, str]) -> str:
    """Return a payload's SHA-256. Add its MD5 to the headers if the object is locked, for S3."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    if not is_locked(headers):
        source.feed(sha256)
    else:
        source.feed(sha256, md5)
        headers["Content-MD5"] = encode_md5(md5.digest())
    return sha256.hexdigest()
