"""Text types stored gzipped under their own name: pure functions over bytes and headers.

Object stores do not negotiate encodings, so whoever reads such an object gets Content-Encoding and
decodes: a browser by itself, a storage because the object's metadata holds its original size.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase

#: What MINIO_GZIP = True stands for. Images, archives, fonts and films are compressed already.
TEXT_TYPES = (
    "text/*",
    "application/javascript",
    "application/json",
    "application/xml",
    "application/*+json",
    "application/*+xml",
    "image/svg+xml",
)
#: The size in bytes that the content had before it was compressed.
ORIGINAL_SIZE = "x-amz-meta-original-size"

_LEVEL = 6
_GZIP = 31  # zlib's window bits for a gzip header and trailer
_HEADER_OS = 9  # RFC 1952: the byte that tells the operating system, 255 for none


def compress(
    content: bytes | bytearray, headers: Mapping[str, str], types: Collection[str]
) -> tuple[bytes | bytearray, Mapping[str, str]]:
    """Return what to store: gzipped with headers that say so, or as it was given.

    As it was given where its type is none of `types`, which may be patterns, where it is encoded
    already, and where that would not shrink it. The same content gives the same bytes everywhere.
    """
    named = {name.lower(): value for name, value in headers.items()}
    essence = named.get("content-type", "").partition(";")[0].strip().lower()
    wanted = any(fnmatchcase(essence, pattern) for pattern in types)
    if not wanted or "content-encoding" in named:
        return content, headers
    packed = bytearray(zlib.compress(content, _LEVEL, _GZIP))
    packed[_HEADER_OS] = 255
    if len(packed) >= len(content):
        return content, headers
    return packed, {**headers, "Content-Encoding": "gzip", ORIGINAL_SIZE: str(len(content))}


def original_size(headers: Mapping[str, str]) -> int | None:
    """Return how long the content of a compressed object is; None where it is stored as it is."""
    size = headers.get(ORIGINAL_SIZE, "")
    encoded = headers.get("Content-Encoding", "").lower() == "gzip"
    return int(size) if encoded and size.isascii() and size.isdigit() else None


def decompress(data: bytes, size: int) -> bytes:
    """Return the content of `size` bytes. Raises ValueError when it is not that."""
    unpacker = zlib.decompressobj(_GZIP)
    try:
        content = unpacker.decompress(data, size + 1)
    except zlib.error as error:
        raise ValueError(f"it does not decompress: {error}") from error
    if len(content) != size or not unpacker.eof:
        raise ValueError(f"it does not decompress to {size} bytes")
    return content
