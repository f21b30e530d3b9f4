"""The uploads in parts that nobody has finished: their parts cost room until they are aborted.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass

from django_minio_backend.s3.failures import make_unexpected
from django_minio_backend.s3.responses import parse_document
from django_minio_backend.s3.signing import Query
from django_minio_backend.s3.transport import Transport
from django_minio_backend.s3.xml import read_child_text, strip_namespace


@dataclass(frozen=True)
class UnfinishedUpload:
    """One upload of a listing."""

    key: str
    id: str
    #: The time of its start as S3 writes it, such as "2026-11-21T15:28:37Z"; `started` parses it.
    initiated: str = ""

    @property
    def started(self) -> datetime.datetime:
        """The time of its start, aware UTC."""
        return datetime.datetime.fromisoformat(self.initiated)


def list_uploads(transport: Transport, prefix: str) -> Iterator[UnfinishedUpload]:
    """Yield the unfinished uploads to keys with a prefix, a request per 1,000.

    A page begins behind the last key of the page before it. Further uploads to that key are not
    listed: some servers refuse the marker of an upload, and SeaweedFS knows no other one.
    Raises UnexpectedAnswer rather than go in circles.
    """
    start: Query = ()
    while True:
        query = [("uploads", ""), ("prefix", prefix), *start]
        response = transport.send("GET", query=query)
        root = parse_document(response, transport.location, "ListMultipartUploadsResult")
        for element in root:
            if strip_namespace(element) == "Upload":
                names = ("Key", "UploadId", "Initiated")
                yield UnfinishedUpload(*(read_child_text(element, name) for name in names))
        if read_child_text(root, "IsTruncated") != "true":
            return
        key, id = (read_child_text(root, f"Next{name}Marker") for name in ("Key", "UploadId"))
        following: Query = [("key-marker", key)] if key else [("upload-id-marker", id)]
        if following == start or not (key or id):
            detail = "a listing of uploads says that it goes on, but not where"
            raise make_unexpected(transport.location, detail)
        start = following
