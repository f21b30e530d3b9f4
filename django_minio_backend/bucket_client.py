"""The S3 operations on a bucket itself, which a client of its objects shares.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from typing import Any, Self
from xml.sax.saxutils import escape

from django_minio_backend import errors
from django_minio_backend.answers import NAMESPACE, local_name
from django_minio_backend.errors import StorageError
from django_minio_backend.options import Options
from django_minio_backend.signing import Credentials
from django_minio_backend.transport import Content, Response, Transport

# What a server answers where a bucket has no such configuration.
_NONE = frozenset(
    {
        "NoSuchBucketPolicy",
        "NoSuchLifecycleConfiguration",
        "NoSuchTagSet",
        "NoSuchTagSetError",
        "ObjectLockConfigurationNotFoundError",
        "NoSuchObjectLockConfiguration",
    }
)
_LOCATION = (
    f'<CreateBucketConfiguration xmlns="{NAMESPACE}">'
    "<LocationConstraint>{}</LocationConstraint></CreateBucketConfiguration>"
)


class BucketClient:
    """S3 for one bucket. Every method is one request unless it says otherwise.

    All raise the `StorageError` of what went wrong.
    """

    def __init__(self, options: Options, credentials: Callable[[], Credentials]) -> None:
        self._options = options
        self._credentials = credentials
        self.transport = Transport(options, credentials)

    def with_options(self, **changed: Any) -> Self:
        """Return a client for the same server with some `Options` changed, `bucket` for one."""
        return type(self)(dataclasses.replace(self._options, **changed), self._credentials)

    def for_bucket(self, bucket: str) -> Self:
        return self.with_options(bucket=bucket)

    def bucket_exists(self) -> bool:
        """Say whether the bucket is there; a second request where a bare refusal says not why."""
        try:
            self.transport.send("HEAD")
        except StorageError as error:
            if not error.code and error.status in {400, 403, 404}:
                return self._answers_probe()
            if not isinstance(error, errors.BucketNotFound):
                raise
            return False
        return True

    def _answers_probe(self) -> bool:
        try:
            self.probe()
        except errors.BucketNotFound:
            return False
        return True

    def make_bucket(self, *, object_lock: bool = False) -> None:
        """Create the bucket; that it is there and ours already is no error."""
        region = self._options.region
        body = b"" if region == "us-east-1" else _LOCATION.format(escape(region)).encode()
        headers = {"x-amz-bucket-object-lock-enabled": "true"} if object_lock else {}
        try:
            self.transport.send("PUT", headers=headers, body=body)
        except StorageError as error:
            if error.code != "BucketAlreadyOwnedByYou":
                raise

    def probe(self, **limits: Any) -> None:
        """Ask for one name of the bucket: a refusal of that says why, as a HEAD's cannot."""
        query = [("list-type", "2"), ("max-keys", "1")]
        self._xml(self.transport.send("GET", query=query, **limits), "ListBucketResult")

    def policy(self) -> dict[str, Any] | None:
        """Return the bucket's policy, None when it has none."""
        response = self._configuration("policy")
        try:
            return json.loads(response.data) if response else None
        except ValueError as error:
            raise self._unexpected(f"the policy is no JSON: {error}") from error

    def set_policy(self, policy: Mapping[str, Any] | None) -> None:
        """Give the bucket a policy; None takes it away."""
        self.configure("policy", None if policy is None else json.dumps(policy).encode())

    def configuration(self, kind: str, root: str) -> ET.Element | None:
        """Return the bucket's "versioning", "lifecycle", "object-lock" or "tagging" document."""
        response = self._configuration(kind)
        return self._xml(response, root) if response else None

    def configure(self, kind: str, document: bytes | None) -> None:
        """Give the bucket a document of this kind; None takes it away."""
        query = [(kind, "")]
        if document is None:
            self.transport.send("DELETE", query=query)
        else:
            headers = {"Content-MD5": content_md5(md5(document))}
            self.transport.send("PUT", query=query, headers=headers, body=document)

    def _configuration(self, kind: str) -> Response | None:
        try:
            return self.transport.send("GET", query=[(kind, "")])
        except StorageError as error:
            if error.code in _NONE:
                return None
            raise

    def _xml(self, response: Response, *expected: str) -> ET.Element:
        try:
            root = ET.fromstring(response.data)
        except ET.ParseError as error:
            raise self._unexpected(f"the answer is no XML: {error}") from error
        if local_name(root) not in expected:
            raise self._unexpected(f"a <{local_name(root)}> came instead of a <{expected[0]}>")
        return root

    def _unexpected(self, detail: str, key: str = "") -> StorageError:
        return errors.build(
            errors.UnexpectedAnswer, self.transport.where.of(key), detail=detail, status=200
        )


def content_md5(digest: bytes) -> str:
    """Return the value of Content-MD5. https://www.rfc-editor.org/rfc/rfc1864"""
    return base64.b64encode(digest).decode()


def md5(body: Content) -> bytes:
    return hashlib.md5(body, usedforsecurity=False).digest()
