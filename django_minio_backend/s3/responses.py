"""S3's responses in our own small types: pure functions over headers and XML."""

from __future__ import annotations

import datetime
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import unquote_plus

from django_minio_backend.errors import Location
from django_minio_backend.s3.failures import is_from_s3, make_unexpected
from django_minio_backend.s3.headers import Headers
from django_minio_backend.s3.http import Response
from django_minio_backend.s3.xml import read_child_text, strip_namespace

_MD5 = re.compile("[0-9a-f]{32}")
_ENCRYPTED = (
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-customer-algorithm",
)


@dataclass(frozen=True)
class ObjectStat:
    """The response to a HEAD of an object. `size` is bytes, `last_modified` aware UTC.

    `metadata` holds all headers. Their case does not matter.
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
    def is_encrypted(self) -> bool:
        """True if the server encrypts the object. Then its ETag says nothing about the content."""
        return any(name in self.metadata for name in _ENCRYPTED)

    @property
    def etag_is_md5(self) -> bool:
        """True if the ETag is the content's MD5: the object has no parts and no encryption."""
        return etag_is_md5(self.etag, self.metadata)


@dataclass(frozen=True)
class Entry:
    """One object of a listing."""

    key: str
    size: int
    etag: str
    #: The time as S3 writes it, such as "2026-11-21T15:28:37.123Z"; `modified` parses it.
    last_modified: str = ""
    #: The object's headers, if the server lists them.
    metadata: Mapping[str, str] | None = None

    @property
    def modified(self) -> datetime.datetime:
        """The time at which the object was stored, aware UTC."""
        return datetime.datetime.fromisoformat(self.last_modified)


@dataclass(frozen=True)
class Page:
    """One page of a listing: common prefixes (folders) and objects.

    `goes_on` is None if the page does not say whether there are more pages.
    """

    prefixes: Sequence[str]
    entries: Sequence[Entry]
    bucket: str = ""
    prefix: str = ""
    goes_on: bool | None = False


def read_stat(bucket: str, key: str, headers: Mapping[str, str]) -> ObjectStat:
    return ObjectStat(
        bucket_name=bucket,
        object_name=key,
        size=int(headers["Content-Length"]),
        etag=read_etag(headers.get("ETag", "")),
        last_modified=parsedate_to_datetime(headers["Last-Modified"]),
        content_type=headers.get("Content-Type", ""),
        metadata=headers,
        version_id=headers.get("x-amz-version-id"),
    )


def replace_length(headers: Mapping[str, str], size: int) -> Mapping[str, str]:
    """Return the headers of a ranged response as those of an object of this size, in bytes."""
    replaced = ("content-length", "content-range")
    kept = [(name, value) for name, value in headers.items() if name.lower() not in replaced]
    return Headers([*kept, ("Content-Length", str(size))])


def etag_is_md5(etag: str, headers: Mapping[str, str]) -> bool:
    """Return True if an ETag is the MD5 of the stored bytes: one PUT, not encrypted."""
    return bool(_MD5.fullmatch(etag)) and not any(name in headers for name in _ENCRYPTED)


def read_page(root: ET.Element) -> Page:
    decode = unquote_plus if read_child_text(root, "EncodingType") == "url" else str
    prefixes, entries = [], []
    for element in root:
        kind = strip_namespace(element)
        if kind == "CommonPrefixes":
            prefixes.append(decode(read_child_text(element, "Prefix")))
        elif kind == "Contents":
            fields = {strip_namespace(child): child.text or "" for child in element}
            metadata = _read_metadata(element) if "UserMetadata" in fields else None
            etag, modified = read_etag(fields.get("ETag", "")), fields.get("LastModified", "")
            entries.append(
                Entry(decode(fields["Key"]), int(fields["Size"]), etag, modified, metadata)
            )
    return Page(
        prefixes,
        entries,
        read_child_text(root, "Name"),
        decode(read_child_text(root, "Prefix")),
        {"true": True, "false": False}.get(read_child_text(root, "IsTruncated")),
    )


def _read_metadata(entry: ET.Element) -> Headers:
    metadata = next(child for child in entry if strip_namespace(child) == "UserMetadata")
    return Headers([(strip_namespace(child), child.text or "") for child in metadata])


def read_etag(header: str) -> str:
    # A proxy that compresses makes an ETag weak. S3 knows only the strong one.
    return header.removeprefix("W/").strip('"')


def read_stored_etag(response: Response, location: Location) -> str:
    """Return the ETag of a stored object or part. Raises UnexpectedAnswer if there is none."""
    if etag := read_etag(response.headers.get("ETag", "")):
        return etag
    raise make_unexpected(location, "something was stored without an ETag")


def parse_document(response: Response, location: Location, *expected: str) -> ET.Element:
    """Return the root of a document. Raises UnexpectedAnswer if it is none of the `expected`."""
    try:
        root = ET.fromstring(response.data)
    except ET.ParseError as error:
        raise make_unexpected(location, f"the answer is no XML: {error}") from error
    if (name := strip_namespace(root)) not in expected:
        raise make_unexpected(location, f"a <{name}> came instead of a <{expected[0]}>")
    return root


def check_done(response: Response, location: Location) -> None:
    """Raise UnexpectedAnswer if a response does not confirm that something was done."""
    if response.status != 204 and not is_from_s3(response):
        raise make_unexpected(location, f"HTTP {response.status} without a header of S3's")
