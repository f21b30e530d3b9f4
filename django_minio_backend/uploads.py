"""Content on its way to the server, from any source, in memory bounded by the part size."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from typing import IO, Any, Unpack, cast

from django.core.files.base import ContentFile, File

from django_minio_backend.bucket_client import content_md5
from django_minio_backend.client import MAX_SINGLE_PUT, Client, is_locked
from django_minio_backend.compression import Compression
from django_minio_backend.errors import StorageError
from django_minio_backend.parts_client import MAX_PARTS, Condition
from django_minio_backend.signing import SIGNED_CHUNKS
from django_minio_backend.sources import SignedChunks, Source
from django_minio_backend.transport import Body, Content


@dataclass(frozen=True)
class Upload:
    """How content is sent. Sizes are bytes; `parts_from` None: in parts only where it must be."""

    headers: Mapping[str, str]
    part_size: int
    parts_from: int | None = None
    parallel: int = 1
    only_new: bool = False
    #: The ETag of the object that is to be replaced; ObjectExists where it is another by now.
    replaces: str = ""
    progress: Any = None
    compression: Compression = Compression()
    #: Told the key when the object is stored.
    stored: Callable[[str], None] = lambda key: None

    def send(self, client: Client, key: str, content: File[Any]) -> None:
        """Store all of `content`, from its start when it can seek.

        Up to one part is sent at once from memory. More goes in one request too when its size is
        known, read once more before that where the server may not take signed chunks. Else it goes
        in parts. With `only_new` raises ObjectExists, nothing stored, when there is an object
        already. What reading the content raises is raised as it is, with nothing stored.
        """
        self._send(client, key, content)
        self.stored(key)

    def _send(self, client: Client, key: str, content: File[Any]) -> None:
        size = binary_size(content)
        self._announce(key, size)
        if size is not None and self._fits_one_request(size):
            self._send_whole(client, key, Source(content, size, self._advance))
            return
        blocks = read_blocks(content, max(self.part_size, -(-(size or 0) // MAX_PARTS)))
        head = list(islice(blocks, 2))
        if len(head) == 2:
            self._send_parts(client, key, chain(_emptying(head), blocks))
        else:
            whole = head[0] if head else b""
            self.put(client, key, whole)
            self._advance(len(whole))

    def put(self, client: Client, key: str, whole: Content) -> None:
        """Store content that is in memory, compressed where it is to be."""
        body, headers = self.compression.of(whole, self.headers)
        client.put(key, body, headers, **self._condition)

    def _fits_one_request(self, size: int) -> bool:
        in_parts = self.parts_from is not None and size >= self.parts_from
        return self.part_size < size <= MAX_SINGLE_PUT and not in_parts

    def _send_whole(self, client: Client, key: str, source: Source) -> None:
        headers = dict(self.headers)
        body: Body
        if client.takes_signed_chunks and not is_locked(headers):
            body, sha256 = SignedChunks(source), SIGNED_CHUNKS
            headers["Content-Length"] = str(body.length)
            headers["x-amz-decoded-content-length"] = str(source.size)
        else:
            body, sha256 = source, _digest(source, headers)
            headers["Content-Length"] = str(source.size)
        try:
            client.put(key, body, headers, sha256=sha256, **self._condition)
        except StorageError:
            if source.failure is not None:
                raise source.failure from None
            raise

    def _send_parts(self, client: Client, key: str, blocks: Iterable[Content]) -> None:
        parts = Parts(client, key, self.headers, self.parallel, self._advance)
        try:
            for block in blocks:
                parts.put(block)
                del block  # before the next one is made
            parts.finish(**self._condition)
        except BaseException:
            parts.abort()
            raise

    @property
    def _condition(self) -> Condition:
        return {"only_new": self.only_new, "replaces": self.replaces}

    def _announce(self, key: str, size: int | None) -> None:
        if callable(announce := getattr(self.progress, "set_meta", None)):
            announce(object_name=key, total_length=size or 0)

    def _advance(self, count: int) -> None:
        if self.progress is not None:
            self.progress.update(count)


class Parts:
    """An upload in parts: begun with the first, invisible until finished, gone when aborted.

    Up to `parallel` parts are on their way at once; `put` waits for room and then returns, and
    raises what became of an earlier part. `arrived` is told the bytes of each part that has.
    """

    def __init__(
        self,
        client: Client,
        key: str,
        headers: Mapping[str, str],
        parallel: int,
        arrived: Callable[[int], None] = lambda count: None,
    ) -> None:
        self._client = client
        self._key = key
        self._headers = headers
        self._parallel = parallel
        self._arrived = arrived
        self._threads = ThreadPoolExecutor(parallel, thread_name_prefix="upload")
        self._upload = ""
        self._sizes: dict[Future[str], int] = {}
        self._flying: set[Future[str]] = set()

    def put(self, block: Content) -> None:
        if len(self._sizes) == MAX_PARTS:
            raise ValueError(
                f"'{self._key}' has more than {MAX_PARTS:,} parts, which is S3's limit: "
                "raise MINIO_MULTIPART_PART_SIZE."
            )
        self._upload = self._upload or self._client.start_parts(self._key, self._headers)
        self._land(self._parallel - 1)
        number = len(self._sizes) + 1
        part = self._threads.submit(self._client.put_part, self._key, self._upload, number, block)
        self._flying.add(part)
        self._sizes[part] = len(block)

    def finish(self, **condition: Unpack[Condition]) -> None:
        self._land(0)
        self._threads.shutdown()
        etags = [part.result() for part in self._sizes]
        self._client.finish_parts(self._key, self._upload, etags, **condition)

    def abort(self) -> None:
        # A part that arrived after the abort would stay on the server for ever.
        self._threads.shutdown(cancel_futures=True)
        if self._upload:
            # The failure that led here is the one to report.
            with suppress(StorageError):
                self._client.abort_parts(self._key, self._upload)

    @property
    def begun(self) -> bool:
        return bool(self._upload)

    def _land(self, most: int) -> None:
        """Wait until at most `most` parts are on their way."""
        while len(self._flying) > most:
            landed, self._flying = wait(self._flying, return_when=FIRST_COMPLETED)
            for part in landed:
                part.result()
                self._arrived(self._sizes[part])


def _digest(source: Source, headers: dict[str, str]) -> str:
    """Return a source's SHA-256; where the object is locked S3 wants its MD5 among the headers."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    if not is_locked(headers):
        source.feed(sha256)
    else:
        source.feed(sha256, md5)
        headers["Content-MD5"] = content_md5(md5.digest())
    return sha256.hexdigest()


def _emptying(blocks: list[Content]) -> Iterator[Content]:
    """Yield the blocks and let go of each."""
    while blocks:
        yield blocks.pop(0)


def can_rewind(content: Any) -> bool:
    try:
        return bool(content.seekable())
    except AttributeError:  # Django's File has it, but may be around something that has not
        return False


def held(content: Any, limit: int) -> Any:
    """Return content that can be read again where up to `limit` bytes in memory make it so."""
    if can_rewind(content):
        return content
    blocks = read_blocks(content, limit)
    head = list(islice(blocks, 2))
    found: Any
    if len(head) == 2:
        found = File(cast(IO[Any], _Blocks(chain(_emptying(head), blocks))))
    else:
        found = ContentFile(bytes(b"".join(head)))
    found.name = getattr(content, "name", None)
    found.content_type = getattr(content, "content_type", None)
    return found


class _Blocks:
    """Content that is in blocks already."""

    def __init__(self, blocks: Iterator[Content]) -> None:
        self.blocks = blocks
        self._rest = b""

    def read(self, count: int = -1) -> bytes:
        """Read as a file, for a `_save` that does so."""
        while (block := next(self.blocks, None)) is not None:
            self._rest += bytes(block)
            if 0 <= count <= len(self._rest):
                break
        end = len(self._rest) if count < 0 else count
        data, self._rest = self._rest[:end], self._rest[end:]
        return data


def binary_size(content: File[Any]) -> int | None:
    """Return the size in bytes, measured by seeking; None for text and for what cannot seek."""
    try:
        if not can_rewind(content) or not isinstance(content.read(0), bytes):
            return None
        size = content.seek(0, os.SEEK_END)
        content.seek(0)
    except (AttributeError, io.UnsupportedOperation):
        return None
    return size if isinstance(size, int) else None


def is_small(content: Any, limit: int) -> bool:
    """Say whether content can be read again and has at most `limit` bytes (characters of text)."""
    if not can_rewind(content):
        return False
    try:
        start = content.tell()
        content.seek(0, os.SEEK_END)
        end = content.tell()
        content.seek(start)
    except (AttributeError, io.UnsupportedOperation):
        return False
    return bool(end <= limit)


def read_blocks(content: File[Any], size: int) -> Iterator[Content]:
    """Yield the content from its start in blocks of `size` bytes, the last one shorter.

    Text is encoded as UTF-8. `content` may be a File around anything that reads or iterates.
    """
    if isinstance(blocks := getattr(content, "file", None), _Blocks):
        yield from blocks.blocks
        return
    # One block of memory at a time: nothing here holds on to what was yielded.
    block: Content = b""
    filled = 0
    for piece in _pieces(content, size):
        rest = memoryview(piece)
        while rest:
            taken = min(size - filled, len(rest))
            if taken == len(piece) and not filled:
                block = piece  # all of a small file, or a whole block, as it is
            else:
                block = _room_for(block, filled, size)
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


def _room_for(block: Content, filled: int, size: int) -> bytearray:
    """Return a block of `size` bytes that begins with the `filled` ones that there are."""
    if isinstance(block, bytearray) and len(block) == size:
        return block
    room = bytearray(size)
    room[:filled] = block[:filled]
    return room


def _pieces(content: File[Any], size: int) -> Iterator[bytes]:
    source: Iterable[Any]
    if not hasattr(content, "read"):
        # A generator, or something else that only iterates.
        source = cast(Iterable[Any], content.file) if isinstance(content, File) else content
    elif not hasattr(content, "chunks") or (
        hasattr(content, "seekable") and not can_rewind(content)
    ):
        source = _read_to_the_end(content, size)
    else:
        source = content.chunks(size)
    for piece in source:
        if isinstance(piece, str):
            piece = piece.encode()
        if not isinstance(piece, bytes | bytearray | memoryview):
            raise TypeError(f"content must give bytes or str, not {type(piece).__name__}")
        if piece:
            yield bytes(piece)


def _read_to_the_end(content: Any, size: int) -> Iterator[Any]:
    while piece := content.read(size):
        yield piece
    if piece is None:
        raise BlockingIOError("content that has no data yet cannot be saved: make it blocking")
