"""Text types stored compressed under their own name: pure functions over bytes and headers.

Object stores do not negotiate encodings, so whoever reads such an object gets Content-Encoding and
decodes: a browser by itself, a storage because the object's metadata holds its original size.
"""

from __future__ import annotations

import importlib.util
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import NamedTuple

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
ORIGINAL_SIZE = "x-amz-meta-django-uncompressed-size"

_GZIP = 31  # zlib's window bits for a gzip header and trailer
_HEADER_OS = 9  # RFC 1952: the byte that tells the operating system, 255 for none
ENCODINGS = ("gzip", "br")


class Original(NamedTuple):
    """What compressed content was: its size in bytes, and how it was encoded."""

    size: int
    encoding: str


@dataclass(frozen=True)
class Compression:
    """Which media types are compressed, by patterns, and how."""

    types: Collection[str] = ()
    encoding: str = "gzip"
    level: int = 6

    def of(
        self, content: bytes | bytearray, headers: Mapping[str, str]
    ) -> tuple[bytes | bytearray, Mapping[str, str]]:
        """Return what to store: compressed with headers that say so, or as it was given.

        As it was given where its type is none of the types, where it is encoded already, and where
        that would not shrink it. The same content gives the same bytes everywhere.
        """
        named = {name.lower(): value for name, value in headers.items()}
        essence = named.get("content-type", "").partition(";")[0].strip().lower()
        wanted = any(fnmatchcase(essence, pattern) for pattern in self.types)
        if not wanted or "content-encoding" in named:
            return content, headers
        packed = _packed(content, self.encoding, self.level)
        if len(packed) >= len(content):
            return content, headers
        more = {"Content-Encoding": self.encoding, ORIGINAL_SIZE: str(len(content))}
        return packed, {**headers, **more}


def original(headers: Mapping[str, str]) -> Original | None:
    """Return what the content of a compressed object was; None where it is stored as it is."""
    size, encoding = headers.get(ORIGINAL_SIZE, ""), headers.get("Content-Encoding", "").lower()
    known = encoding in ENCODINGS and size.isascii() and size.isdigit()
    return Original(int(size), encoding) if known else None


def decompress(data: bytes, was: Original) -> bytes:
    """Return the content. Raises ValueError when it is not that of the original."""
    try:
        content = _unpacked(data, was)
    except (zlib.error, RuntimeError) as error:  # brotli's own is a RuntimeError
        raise ValueError(f"it does not decompress: {error}") from error
    if len(content) != was.size:
        raise ValueError(f"it does not decompress to {was.size} bytes")
    return content


def has_brotli() -> bool:
    return importlib.util.find_spec("brotli") is not None


def _packed(content: bytes | bytearray, encoding: str, level: int) -> bytes | bytearray:
    if encoding == "br":
        import brotli

        packed: bytes = brotli.compress(bytes(content), quality=level)
        return packed
    gzipped = bytearray(zlib.compress(content, level, _GZIP))
    gzipped[_HEADER_OS] = 255
    return gzipped


def _unpacked(data: bytes, was: Original) -> bytes:
    if was.encoding == "br":
        if not has_brotli():
            raise ValueError("it is compressed with brotli: install django-minio-backend[brotli]")
        import brotli

        content: bytes = brotli.decompress(data)
        return content
    unpacker = zlib.decompressobj(_GZIP)
    # One byte more than is expected shows that there is more; a bomb stays packed.
    content = unpacker.decompress(data, was.size + 1)
    if not unpacker.eof:
        raise ValueError(f"it does not decompress to {was.size} bytes")
    return content
