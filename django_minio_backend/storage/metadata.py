"""The headers that we give to objects, and their meaning."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import NamedTuple

from django_minio_backend import errors
from django_minio_backend.config.parsers import ENCODINGS
from django_minio_backend.errors import Location
from django_minio_backend.s3.multipart import UPLOAD
from django_minio_backend.s3.responses import ObjectStat

#: The time at which the content was modified, in seconds since 1970, as rclone writes it.
MTIME = "x-amz-meta-mtime"
#: The size in bytes that the content had before it was compressed.
ORIGINAL_SIZE = "x-amz-meta-django-uncompressed-size"
#: The MD5 of the stored bytes. It counts if the ETag is another thing (encrypted or in parts).
STORED_MD5 = "x-amz-meta-md5"
#: The ETag or MD5 that the source of a copy had, and a hash that names the source's storage.
SOURCE_ETAG = "x-amz-meta-source-etag"
SOURCE = "x-amz-meta-source"
#: A text that names the version of the source's file. No later content of it has the same one.
SOURCE_VERSION = "x-amz-meta-source-version"
#: The headers of one object in one bucket. A copy gets its own.
NOT_COPIED = frozenset({MTIME, SOURCE_ETAG, SOURCE, SOURCE_VERSION, UPLOAD})
# The most bytes that any server stores in an object.
_MAX_SIZE = 50 * 2**40


class Original(NamedTuple):
    """The size in bytes that compressed content had, and its encoding."""

    size: int
    encoding: str


def read_original(headers: Mapping[str, str]) -> Original | None:
    """Return the original of an object that we compressed, else None."""
    size, encoding = headers.get(ORIGINAL_SIZE, ""), headers.get("Content-Encoding", "").lower()
    known = encoding in ENCODINGS and size.isascii() and size.isdigit()
    return Original(int(size), encoding) if known else None


class FileStat(ObjectStat):
    """An object's `ObjectStat`, with the size and the time that the file has for Django."""

    @classmethod
    def of(cls, stat: ObjectStat) -> FileStat:
        return cls(**vars(stat))

    @property
    def content_size(self) -> int:
        """The number of bytes that reading gives: more than `size` if the object is compressed."""
        original = read_original(self.metadata)
        if original and original.size > _MAX_SIZE:
            location = Location("", self.bucket_name, self.object_name)
            detail = f"its metadata says that it has {original.size:,} bytes"
            raise errors.make_error(errors.IntegrityError, location, detail=detail)
        return original.size if original else self.size

    @property
    def modified(self) -> datetime.datetime:
        """The time at which the content was modified, aware UTC. A copy remembers it."""
        try:
            seconds = float(self.metadata.get(MTIME, ""))
            return datetime.datetime.fromtimestamp(seconds, datetime.UTC)
        except (ValueError, OverflowError, OSError):
            return self.last_modified
