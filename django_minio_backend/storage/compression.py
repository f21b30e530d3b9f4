"""Text types stored compressed: pure functions over bytes and headers.

S3 does not negotiate encodings, so each reader gets Content-Encoding and decodes. A browser does so
itself. A storage does so because the object's metadata has its original size.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from django_minio_backend.config.parsers import has_brotli
from django_minio_backend.storage.metadata import ORIGINAL_SIZE, Original

_GZIP = 31  # zlib's window bits for a gzip header and trailer
_HEADER_OS = 9  # RFC 1952: the byte for the operating system, 255 if unknown
_BROTLI_BLOCK = 2**20


@dataclass(frozen=True)
class Compression:
    """The media types to compress, as patterns, and the way to compress them."""

    types: Collection[str] = ()
    encoding: str = "gzip"
    level: int = 6

    def of(
        self, content: bytes | bytearray, headers: Mapping[str, str]
    ) -> tuple[bytes | bytearray, Mapping[str, str]]:
        """Return the compressed content and its headers, or both unchanged.

        They are unchanged if the type is not listed, if the content has an encoding, or if it would
        not get smaller. The same content gives the same bytes everywhere.
        """
        lower = {name.lower(): value for name, value in headers.items()}
        essence = lower.get("content-type", "").partition(";")[0].strip().lower()
        is_listed = any(fnmatchcase(essence, pattern) for pattern in self.types)
        if not is_listed or "content-encoding" in lower:
            return content, headers
        packed = _compress(content, self.encoding, self.level)
        if len(packed) >= len(content):
            return content, headers
        added = {"Content-Encoding": self.encoding, ORIGINAL_SIZE: str(len(content))}
        return packed, {**headers, **added}


def decompress(data: bytes, was: Original, limit: int) -> bytes:
    """Return the content. Raises ValueError if it does not match the original, or is too large.

    `limit` is the most bytes that are unpacked in memory.
    """
    if was.size > limit:
        raise ValueError(
            f"its metadata says that it has {was.size:,} bytes, more than the {limit:,} of "
            "MINIO_MULTIPART_PART_SIZE, which are unpacked in memory"
        )
    try:
        content = _decompress(data, was)
    except (zlib.error, RuntimeError) as error:  # brotli's own is a RuntimeError
        raise ValueError(f"it does not decompress: {error}") from error
    if len(content) != was.size:
        raise ValueError(f"it does not decompress to {was.size} bytes")
    return content


def _compress(content: bytes | bytearray, encoding: str, level: int) -> bytes | bytearray:
    if encoding == "br":
        import brotli

        packed: bytes = brotli.compress(bytes(content), quality=level)
        return packed
    gzipped = bytearray(zlib.compress(content, level, _GZIP))
    gzipped[_HEADER_OS] = 255
    return gzipped


def _decompress(data: bytes, was: Original) -> bytes:
    if was.encoding == "br":
        if not has_brotli():
            raise ValueError("it is compressed with brotli: install django-minio-backend[brotli]")
        return _decompress_brotli(data, was)
    unpacker = zlib.decompressobj(_GZIP)
    # One byte more than expected proves that there is more. A bomb stays packed.
    content = unpacker.decompress(data, was.size + 1)
    if not unpacker.eof:
        raise ValueError(f"it does not decompress to {was.size} bytes")
    return content


def _decompress_brotli(data: bytes, was: Original) -> bytes:
    import brotli

    unpacker = brotli.Decompressor()
    content = bytearray()
    # Unpack up to the expected size and a little, however much is packed.
    while len(content) <= was.size and not unpacker.is_finished():
        piece = unpacker.process(data, output_buffer_limit=_BROTLI_BLOCK)
        if not piece and not data:
            break
        content += piece
        data = b""
    if not unpacker.is_finished():
        raise ValueError(f"it does not decompress to {was.size} bytes")
    return bytes(content)
