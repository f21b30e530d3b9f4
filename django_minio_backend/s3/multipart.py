"""Objects in parts: sent or copied part by part, invisible until they are finished.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
"""

from __future__ import annotations

import datetime
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from html import escape
from typing import NamedTuple, Self

from django_minio_backend import errors
from django_minio_backend.errors import StorageError
from django_minio_backend.names import quote_key
from django_minio_backend.s3.failures import make_late_failure, make_unexpected
from django_minio_backend.s3.http import Response
from django_minio_backend.s3.payloads import Part
from django_minio_backend.s3.quirks import is_late_failure
from django_minio_backend.s3.responses import parse_document, read_etag, read_stored_etag
from django_minio_backend.s3.signing import Query
from django_minio_backend.s3.transport import Transport
from django_minio_backend.s3.unfinished import list_uploads
from django_minio_backend.s3.xml import read_child_text, strip_namespace

MAX_PARTS = 10_000
#: The header that names the upload of an object. After a lost response a client recognises its own
#: work by it.
UPLOAD = "x-amz-meta-django-upload"


class StoredPart(NamedTuple):
    """A part that has arrived: its number from 1, its size in bytes, and its ETag."""

    number: int
    size: int
    etag: str


class MultipartUpload:
    """An unfinished upload in parts. Every method is one request unless it says otherwise.

    All methods raise a `StorageError` if they fail. A `with` block that fails aborts the upload.
    """

    def __init__(self, transport: Transport, key: str, id: str, headers: Mapping[str, str]) -> None:
        self.key = key
        self.id = id
        self._transport = transport
        #: The headers of an encryption key that the client holds. Each request with content needs
        #: them.
        self._headers = headers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is not None:
            # The error of the block is the one to report.
            with suppress(StorageError):
                self.abort()

    @property
    def _query(self) -> list[tuple[str, str]]:
        return [("uploadId", self.id)]

    def put_part(self, number: int, body: Part) -> str:
        """Send part `number` (from 1) and return its ETag."""
        query = [("partNumber", str(number)), *self._query]
        response = self._transport.send(
            "PUT", self.key, query=query, headers=self._headers, body=body
        )
        return read_stored_etag(response, self._transport.location.at(self.key))

    def copy_part(self, number: int, source: str, start: int, stop: int, etag: str) -> str:
        """Let the server make part `number` of bytes `[start, stop)` of "bucket/key".

        Return the part's ETag. Raises ObjectChanged if the source has another ETag by now.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html
        """
        headers = {
            "x-amz-copy-source": quote_key(f"/{source}"),
            "x-amz-copy-source-if-match": f'"{etag}"',
            "x-amz-copy-source-range": f"bytes={start}-{stop - 1}",
        }
        query = [("partNumber", str(number)), *self._query]
        try:
            response = self._transport.send("PUT", self.key, query=query, headers=headers)
        except errors.ObjectExists as error:
            location = self._transport.location.at(self.key)
            changed = errors.make_error(errors.ObjectChanged, location, status=error.status)
            raise changed from error
        root = self._parse(response, "CopyPartResult")
        return read_etag(read_child_text(root, "ETag"))

    def finish(self, etags: Sequence[str], condition: Mapping[str, str]) -> None:
        """Make the object of its parts. It is invisible before.

        `condition` is that of `Client.put`. Raises ObjectExists if it does not hold.
        """
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(etag)}</ETag></Part>"
            for number, etag in enumerate(etags, 1)
        )
        response = self._transport.send(
            "POST",
            self.key,
            query=self._query,
            headers={**self._headers, **condition},
            body=f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode(),
            repeat=True,
        )
        self._parse(response, "CompleteMultipartUploadResult")

    def abort(self) -> None:
        """Delete the parts."""
        self._transport.send("DELETE", self.key, query=self._query)

    def has_parts(self) -> bool:
        return bool(next(self._list_pages()))

    def list_parts(self) -> list[StoredPart]:
        """Return the parts that have arrived, by number. One request per 1,000."""
        return [part for page in self._list_pages() for part in page]

    def _list_pages(self) -> Iterator[list[StoredPart]]:
        """Yield the pages of the list of parts.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html
        """
        marker = 0
        while True:
            query = [("part-number-marker", str(marker))] if marker else []
            response = self._transport.send("GET", self.key, query=[*self._query, *query])
            root = self._parse(response, "ListPartsResult")
            page = [_read_part(e) for e in root if strip_namespace(e) == "Part"]
            yield page
            if read_child_text(root, "IsTruncated") != "true":
                return
            if not page or page[-1].number <= marker:
                location = self._transport.location.at(self.key)
                raise make_unexpected(location, "a list of parts leads in circles")
            marker = page[-1].number

    def _parse(self, response: Response, expected: str) -> ET.Element:
        location = self._transport.location.at(self.key)
        root = parse_document(response, location, expected, "Error")
        if is_late_failure(root):
            raise make_late_failure(response, location, read_child_text(root, "Code"))
        return root


def start_upload(
    transport: Transport, key: str, headers: Mapping[str, str], part_headers: Mapping[str, str]
) -> MultipartUpload:
    """Start an upload in parts.

    If a response was lost and the request repeated, the server may have started two uploads. Then
    the other one is aborted. Aborting takes one request, and two for each listed upload.
    """
    started = transport.server_time()
    query: Query = [("uploads", "")]
    response = transport.send("POST", key, query=query, headers=headers, repeat=True)
    location = transport.location.at(key)
    root = parse_document(response, location, "InitiateMultipartUploadResult")
    if not (id := read_child_text(root, "UploadId")):
        raise make_unexpected(location, "an upload has no id")
    upload = MultipartUpload(transport, key, id, part_headers)
    if response.lost:
        with suppress(StorageError, ValueError):
            _abort_strays(transport, upload, started)
    return upload


def _read_part(element: ET.Element) -> StoredPart:
    return StoredPart(
        int(read_child_text(element, "PartNumber")),
        int(read_child_text(element, "Size")),
        read_etag(read_child_text(element, "ETag")),
    )


def _abort_strays(
    transport: Transport, upload: MultipartUpload, started: datetime.datetime
) -> None:
    """Abort the other uploads to a key that started since then and have no parts."""
    for listed in list_uploads(transport, upload.key):
        if listed.key == upload.key and listed.id != upload.id:
            is_late = listed.started >= started.replace(microsecond=0)
            other = MultipartUpload(transport, upload.key, listed.id, {})
            if is_late and not other.has_parts():
                other.abort()
