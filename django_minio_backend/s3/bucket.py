"""The S3 operations on a bucket itself: its existence, policy and configurations.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from html import escape
from typing import Any

from django_minio_backend import errors
from django_minio_backend.errors import StorageError
from django_minio_backend.s3 import quirks
from django_minio_backend.s3.checksums import encode_md5, md5_digest
from django_minio_backend.s3.failures import is_from_s3, make_unexpected
from django_minio_backend.s3.http import Response
from django_minio_backend.s3.responses import check_done, parse_document
from django_minio_backend.s3.transport import Transport
from django_minio_backend.s3.xml import NAMESPACE

_LOCATION = (
    f'<CreateBucketConfiguration xmlns="{NAMESPACE}">'
    "<LocationConstraint>{}</LocationConstraint></CreateBucketConfiguration>"
)


class Bucket:
    """One bucket. Every method is one request unless it says otherwise.

    All methods raise a `StorageError` if they fail.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def exists(self) -> bool:
        """Return True if the bucket exists. A refusal without a reason takes a second request."""
        try:
            # A login page answers 200 to anything.
            return is_from_s3(self._transport.send("HEAD")) or self._answers_probe()
        except StorageError as error:
            if quirks.is_unexplained(error):
                return self._answers_probe()
            if not isinstance(error, errors.BucketNotFound):
                raise
            return False

    def _answers_probe(self) -> bool:
        try:
            self.probe()
        except errors.BucketNotFound:
            return False
        return True

    def create(self, *, object_lock: bool = False) -> None:
        """Create the bucket. It is no error if it exists and is ours."""
        region = self._transport.live.server.region
        body = b"" if region == "us-east-1" else _LOCATION.format(escape(region)).encode()
        headers = {"x-amz-bucket-object-lock-enabled": "true"} if object_lock else {}
        try:
            self._check_done(self._transport.send("PUT", headers=headers, body=body))
        except StorageError as error:
            if error.code != quirks.OWN_BUCKET_CODE:
                raise

    def probe(self, **limits: Any) -> None:
        """List one name. A refusal of this request has a reason, unlike a refusal of a HEAD."""
        query = [("list-type", "2"), ("max-keys", "1")]
        response = self._transport.send("GET", query=query, **limits)
        parse_document(response, self._transport.location, "ListBucketResult")

    def read_policy(self) -> dict[str, Any] | None:
        """Return the bucket's policy, None if it has none."""
        response = self._read("policy")
        location = self._transport.location
        try:
            policy = json.loads(response.data) if response else None
        except ValueError as error:
            raise make_unexpected(location, f"the policy is no JSON: {error}") from error
        if policy is not None and not isinstance(policy, dict):
            kind = type(policy).__name__
            raise make_unexpected(location, f"the policy is no object but {kind}")
        return policy

    def set_policy(self, policy: Mapping[str, Any] | None) -> None:
        """Give the bucket a policy. None removes it."""
        self.configure("policy", None if policy is None else json.dumps(policy).encode())

    def read_configuration(self, kind: str, root: str) -> ET.Element | None:
        """Return the bucket's "versioning", "lifecycle", "object-lock" or "tagging" document."""
        response = self._read(kind)
        return parse_document(response, self._transport.location, root) if response else None

    def configure(self, kind: str, document: bytes | None) -> None:
        """Give the bucket a document of this kind. None removes it."""
        query = [(kind, "")]
        if document is None:
            self._check_done(self._transport.send("DELETE", query=query))
        else:
            headers = {"Content-MD5": encode_md5(md5_digest(document))}
            response = self._transport.send("PUT", query=query, headers=headers, body=document)
            self._check_done(response)

    def _read(self, kind: str) -> Response | None:
        try:
            return self._transport.send("GET", query=[(kind, "")])
        except StorageError as error:
            if quirks.is_absent(error):
                return None
            raise

    def _check_done(self, response: Response) -> None:
        """Raise UnexpectedAnswer if no S3 server has done something to the bucket.

        Garage confirms with a bare 200, as any web server does. A listing tells them apart.
        """
        try:
            check_done(response, self._transport.location)
        except errors.UnexpectedAnswer:
            self.probe()
