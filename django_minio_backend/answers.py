"""What S3's answers say, in our own small types: pure functions over headers and XML."""

from __future__ import annotations

import datetime
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import unquote_plus

from django.utils.datastructures import CaseInsensitiveMapping

from django_minio_backend.compression import original

#: Of S3's documents.
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
#: When the content was modified before it was stored, in seconds since 1970, as rclone writes it.
MTIME = "x-amz-meta-mtime"
_ENCRYPTED = (
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-customer-algorithm",
)


@dataclass(frozen=True)
class ObjectStat:
    """What a HEAD says of an object. `size` is bytes, `last_modified` aware UTC.

    `metadata` holds all its headers, whatever their case.
    """

    bucket_name: str
    object_name: str
    size: int
    etag: str
    last_modified: datetime.datetime
    content_type: str
    metadata: Mapping[str, str]
    version_id: str | None

    @property
    def content_size(self) -> int:
        """How many bytes reading it gives: more than its size where it is stored compressed."""
        was = original(self.metadata)
        return was.size if was else self.size

    @property
    def modified(self) -> datetime.datetime:
        """When the content was modified, which a copy of it remembers, aware UTC."""
        try:
            seconds = float(self.metadata.get(MTIME, ""))
            return datetime.datetime.fromtimestamp(seconds, datetime.UTC)
        except (ValueError, OverflowError, OSError):
            return self.last_modified

    @property
    def etag_is_md5(self) -> bool:
        """Whether the ETag is the content's MD5: not that of parts, nor of what is encrypted."""
        return "-" not in self.etag and not any(name in self.metadata for name in _ENCRYPTED)


@dataclass(frozen=True)
class Entry:
    """One object of a listing."""

    key: str
    size: int
    etag: str
    #: As S3 writes it, such as "2026-11-21T15:28:37.123Z"; `modified` reads it.
    last_modified: str = ""

    @property
    def modified(self) -> datetime.datetime:
        """When it was stored, aware UTC."""
        return datetime.datetime.fromisoformat(self.last_modified)


@dataclass(frozen=True)
class Page:
    """One page of a listing: common prefixes (folders) and objects."""

    prefixes: Sequence[str]
    entries: Sequence[Entry]


def stat_of(bucket: str, key: str, headers: Mapping[str, str]) -> ObjectStat:
    return ObjectStat(
        bucket_name=bucket,
        object_name=key,
        size=int(headers["Content-Length"]),
        etag=etag_of(headers.get("ETag", "")),
        last_modified=parsedate_to_datetime(headers["Last-Modified"]),
        content_type=headers.get("Content-Type", ""),
        metadata=CaseInsensitiveMapping(dict(headers)),
        version_id=headers.get("x-amz-version-id"),
    )


def page_of(root: ET.Element) -> Page:
    decode = unquote_plus if child_text(root, "EncodingType") == "url" else str
    prefixes, entries = [], []
    for element in root:
        kind = local_name(element)
        if kind == "CommonPrefixes":
            prefixes.append(decode(child_text(element, "Prefix")))
        elif kind == "Contents":
            fields = {local_name(child): child.text or "" for child in element}
            etag, modified = etag_of(fields.get("ETag", "")), fields.get("LastModified", "")
            entries.append(Entry(decode(fields["Key"]), int(fields["Size"]), etag, modified))
    return Page(prefixes, entries)


def local_name(element: ET.Element) -> str:
    """Return an element's name without its namespace, which servers do not agree on."""
    return element.tag.rpartition("}")[2]


def child_text(element: ET.Element, name: str) -> str:
    return next((child.text or "" for child in element if local_name(child) == name), "")


def etag_of(header: str) -> str:
    # A proxy that compresses makes an ETag weak; S3 knows it as a strong one.
    return header.removeprefix("W/").strip('"')
