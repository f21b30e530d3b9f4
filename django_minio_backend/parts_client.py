"""Objects in parts: begun, sent or copied piece by piece, and not there until they are finished.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from typing import TypedDict
from xml.sax.saxutils import escape

from django_minio_backend import errors
from django_minio_backend.answers import child_text, etag_of, local_name
from django_minio_backend.bucket_client import BucketClient
from django_minio_backend.errors import StorageError
from django_minio_backend.names import quote_key
from django_minio_backend.options import Options
from django_minio_backend.signing import Credentials
from django_minio_backend.transport import Content, Response

MAX_PARTS = 10_000
#: The header of a request that must find nothing.
ONLY_NEW: Mapping[str, str] = {"If-None-Match": "*"}

_CUSTOMER_KEY = "x-amz-server-side-encryption-customer-"


class PartsClient(BucketClient):
    """S3 for one bucket and the uploads to it that come in parts.

    Every method is one request and raises the `StorageError` of what went wrong.
    """

    def __init__(self, options: Options, credentials: Callable[[], Credentials]) -> None:
        super().__init__(options, credentials)
        # An encryption key that the client holds goes with every request that touches content.
        self._customer_key = {
            name: value
            for name, value in options.sse.items()
            if name.lower().startswith(_CUSTOMER_KEY)
        }

    @property
    def holds_key(self) -> bool:
        """Whether objects are encrypted with a key that the server does not keep."""
        return bool(self._customer_key)

    def start_parts(self, key: str, headers: Mapping[str, str]) -> str:
        """Begin an upload in parts and return its id."""
        response = self.transport.send("POST", key, query=[("uploads", "")], headers=headers)
        root = self._xml(response, "InitiateMultipartUploadResult")
        if upload := child_text(root, "UploadId"):
            return upload
        raise self._unexpected("an upload has no id", key)

    def put_part(self, key: str, upload: str, number: int, body: Content) -> str:
        """Send part `number` (from 1) and return its ETag."""
        response = self.transport.send(
            "PUT",
            key,
            query=[("partNumber", str(number)), ("uploadId", upload)],
            headers=self._customer_key,
            body=body,
        )
        return self._stored_etag(response, key)

    def copy_part(
        self, key: str, upload: str, number: int, source: str, start: int, stop: int, etag: str
    ) -> str:
        """Have the server make part `number` of bytes `[start, stop)` of "bucket/key" on it.

        Returns the part's ETag. Raises ObjectChanged when the source has not this ETag any more.
        https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html
        """
        headers = {
            "x-amz-copy-source": quote_key(f"/{source}"),
            "x-amz-copy-source-if-match": f'"{etag}"',
            "x-amz-copy-source-range": f"bytes={start}-{stop - 1}",
        }
        query = [("partNumber", str(number)), ("uploadId", upload)]
        try:
            response = self.transport.send("PUT", key, query=query, headers=headers)
        except errors.ObjectExists as error:
            raise self.changed(key, error.status) from error
        # S3 may find out that it failed after it has begun to answer 200.
        root = self._finished(response, key, "CopyPartResult")
        return etag_of(child_text(root, "ETag"))

    def finish_parts(
        self,
        key: str,
        upload: str,
        etags: Sequence[str],
        *,
        only_new: bool = False,
        replaces: str = "",
    ) -> None:
        """Make the object out of its parts; until then nobody sees it."""
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(etag)}</ETag></Part>"
            for number, etag in enumerate(etags, 1)
        )
        response = self.transport.send(
            "POST",
            key,
            query=[("uploadId", upload)],
            headers={**self._customer_key, **condition(only_new, replaces)},
            body=f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode(),
        )
        # As above.
        self._finished(response, key, "CompleteMultipartUploadResult")

    def _finished(self, response: Response, key: str, expected: str) -> ET.Element:
        root = self._xml(response, expected, "Error")
        if local_name(root) == "Error":
            code = child_text(root, "Code")
            raise errors.build(
                errors.error_class(500, code), self.transport.where.of(key), detail=code, code=code
            )
        return root

    def abort_parts(self, key: str, upload: str) -> None:
        """Throw the parts of an unfinished upload away."""
        self.transport.send("DELETE", key, query=[("uploadId", upload)])

    def part_size(self, key: str) -> int:
        """Return how many bytes the first part of an object has."""
        query = [("partNumber", "1")]
        response = self.transport.send("HEAD", key, query=query, headers=self._customer_key)
        return int(response.headers.get("Content-Length", "0"))

    def changed(self, key: str, status: int = 200) -> StorageError:
        """Return the error for an object that is no longer the one that was being read."""
        return errors.build(errors.ObjectChanged, self.transport.where.of(key), status=status)

    def _stored_etag(self, response: Response, key: str) -> str:
        if etag := etag_of(response.headers.get("ETag", "")):
            return etag
        raise self._unexpected("something was stored without an ETag", key)


class Condition(TypedDict, total=False):
    """What must hold of an object that is there; see `Client.put`."""

    only_new: bool
    replaces: str


def condition(only_new: bool, replaces: str) -> Mapping[str, str]:
    """Return the header of a request that must find nothing, or an object with this ETag."""
    if replaces:
        return {"If-Match": f'"{replaces}"'}
    return ONLY_NEW if only_new else {}
