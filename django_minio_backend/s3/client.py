"""The S3 operations on objects that storages need, for one bucket.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

from __future__ import annotations

import dataclasses
import io
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from html import escape
from itertools import islice
from types import MappingProxyType
from typing import Any, TypeVar

from django_minio_backend import errors, names
from django_minio_backend.errors import Location, StorageError
from django_minio_backend.s3 import multipart, quirks, unfinished
from django_minio_backend.s3.bucket import Bucket
from django_minio_backend.s3.checksums import encode_md5, md5_digest
from django_minio_backend.s3.failures import make_unexpected
from django_minio_backend.s3.multipart import UPLOAD, MultipartUpload
from django_minio_backend.s3.payloads import Body, Content, Part, Payload
from django_minio_backend.s3.responses import (
    ObjectStat,
    Page,
    check_done,
    parse_document,
    read_page,
    read_stat,
    read_stored_etag,
    replace_length,
)
from django_minio_backend.s3.server import Server
from django_minio_backend.s3.signing import Credentials
from django_minio_backend.s3.streams import RangedBody, Stream
from django_minio_backend.s3.transport import Transport, is_locked
from django_minio_backend.s3.unfinished import UnfinishedUpload
from django_minio_backend.s3.xml import NAMESPACE, read_child_text, strip_namespace

#: S3's limit for one PUT. https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MAX_SINGLE_PUT = 5 * 2**30
#: The most keys that one request deletes.
MOST_DELETED = 1000
# Characters that XML cannot carry, and those that a parser would change.
# https://www.w3.org/TR/xml/#charsets
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_BREAKS = str.maketrans({"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})
_IS_FOLDED = "MinIO takes this name for a folder's: it is not deleted by it."

T = TypeVar("T")

#: The headers of a request that must find nothing.
ONLY_NEW: Mapping[str, str] = MappingProxyType({"If-None-Match": "*"})
#: The headers of a request without a condition.
ALWAYS: Mapping[str, str] = MappingProxyType({})
_CUSTOMER_KEY = "x-amz-server-side-encryption-customer-"


def make_replacing(etag: str) -> Mapping[str, str]:
    """Return the headers of a request that must find an object with this ETag."""
    return {"If-Match": f'"{etag}"'}


class Client:
    """S3 for one bucket and its objects. Every method is one request unless it says otherwise.

    All methods raise a `StorageError` if they fail. `bucket` has the operations on the bucket
    itself.
    """

    def __init__(
        self,
        server: Server,
        location: Location,
        credentials: Callable[[], Credentials],
        sse: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.server = server
        self.location = location
        self.transport = Transport(server, location, credentials)
        self.bucket = Bucket(self.transport)
        self._credentials = credentials
        self._sse = sse
        # Each request with content carries the encryption key, if the client holds one.
        self._customer_key = {
            name: value for name, value in sse.items() if name.lower().startswith(_CUSTOMER_KEY)
        }

    def with_server(self, **changes: Any) -> Client:
        """Return a client for the same bucket, with changes to its `Server`."""
        server = dataclasses.replace(self.server, **changes)
        return Client(server, self.location, self._credentials, self._sse)

    def for_bucket(self, bucket: str) -> Client:
        """Return a client for another bucket on the same server."""
        location = Location(self.location.alias, bucket)
        return Client(self.server, location, self._credentials, self._sse)

    @property
    def key_headers(self) -> Mapping[str, str]:
        """The headers with the encryption key that the client holds, for requests to read."""
        return self._customer_key

    @property
    def holds_key(self) -> bool:
        """True if objects are encrypted with a key that the server does not keep."""
        return bool(self._customer_key)

    @property
    def is_secure(self) -> bool:
        """True if connections are encrypted. TLS notices damage."""
        return self.server.endpoint.secure

    @property
    def takes_signed_chunks(self) -> bool:
        """True if the server is known to accept them. False before its first response."""
        return self.transport.takes_signed_chunks

    @property
    def refuses_taken_names(self) -> bool | None:
        """True if the server honours `If-None-Match: *`; None until `learn` has tested it."""
        return self.transport.live.facts.refuses_taken_names

    def learn(self, key: str) -> None:
        """Test, with an object that exists, whether the server refuses taken names.

        The server's name does not tell its version, and old versions ignore the condition and
        overwrite. Therefore the request carries content that does not match its checksum. A server
        that honours the condition refuses before it looks at the content, and a server that checks
        content stores nothing either way. Only servers that are known to check it get the request.
        """
        facts = self.transport.live.facts
        if not self.takes_signed_chunks:
            facts.refuses_taken_names = False
            return
        headers = {**ONLY_NEW, "Content-Length": "1"}
        try:
            self.transport.send("PUT", key, headers=headers, body=io.BytesIO(b"?"), sha256="0" * 64)
        except (errors.ServerUnreachable, errors.ServerFault, errors.Throttled):
            pass  # learned nothing
        except StorageError as error:
            facts.refuses_taken_names = isinstance(error, errors.ObjectExists)

    def put(
        self,
        key: str,
        body: Body | Payload,
        headers: Mapping[str, str],
        *,
        sha256: str = "",
        condition: Mapping[str, str] = ALWAYS,
    ) -> None:
        """Store an object.

        `condition` is ALWAYS, ONLY_NEW or `make_replacing(etag)`. Raises ObjectExists if it does
        not hold. `body` and `sha256` are those of `Transport.send`.
        """
        token = secrets.token_hex(8) if condition else ""
        sent = {**headers, **condition, **({UPLOAD: token} if token else {})}
        if isinstance(body, Content) and is_locked(headers):
            sent["Content-MD5"] = encode_md5(md5_digest(body))
        conflicts = condition == ONLY_NEW
        try:
            with self._telling_damage(key, body):
                response = self.transport.send(
                    "PUT", key, headers=sent, body=body, sha256=sha256, conflicts=conflicts
                )
        except errors.ObjectExists as error:
            # The first try may have stored the object, and its response been lost.
            if not (error.repeated and token and self._is_of_upload(key, token)):
                raise
        else:
            read_stored_etag(response, self.location.at(key))

    @contextmanager
    def _telling_damage(self, key: str, body: Body | Payload) -> Iterator[None]:
        """Raise IntegrityError if the content of a body was damaged on its way.

        A damaged chunk has a wrong signature, as a stranger's request has. Another request tries
        the credentials.
        """
        try:
            yield
        except errors.InvalidCredentials as error:
            if not isinstance(body, Payload) or not self._credentials_work():
                raise
            damaged = errors.make_error(
                errors.IntegrityError,
                self.location.at(key),
                detail=str(error.__cause__),
                code=error.code,
            )
            raise damaged from error

    def start_upload(self, key: str, headers: Mapping[str, str]) -> MultipartUpload:
        """Start an upload in parts; see `multipart.start_upload`."""
        return multipart.start_upload(self.transport, key, headers, self._customer_key)

    def get_upload(self, key: str, id: str) -> MultipartUpload:
        """Return the unfinished upload of this id. Makes no request."""
        return MultipartUpload(self.transport, key, id, self._customer_key)

    def list_uploads(self, prefixes: Sequence[str]) -> Iterator[UnfinishedUpload]:
        """Yield the unfinished uploads to keys with one of these prefixes.

        A request per prefix, and one more per 1,000 uploads. MinIO is asked once, for all uploads
        of the bucket that its node has seen since its start.
        """
        lists_by_prefix = quirks.lists_uploads_by_prefix(self.transport.server_name)
        for prefix in prefixes if lists_by_prefix else [""]:
            for upload in unfinished.list_uploads(self.transport, prefix):
                if upload.key.startswith(tuple(prefixes)):
                    yield upload

    def find_upload(self, upload: UnfinishedUpload) -> UnfinishedUpload | None:
        """Return an upload as the server lists it now, None if it is finished or aborted."""
        for listed in unfinished.list_uploads(self.transport, upload.key):
            if (listed.key, listed.id) == (upload.key, upload.id):
                return listed
        return None

    def abort_upload(self, upload: UnfinishedUpload) -> bool:
        """Delete the parts of an upload. Return False if there is no such upload any more."""
        try:
            self.get_upload(upload.key, upload.id).abort()
        except errors.UploadNotFound:
            return False
        return True

    def put_part(self, upload: MultipartUpload, number: int, body: Part) -> str:
        """Send part `number` (from 1) of an upload and return its ETag."""
        with self._telling_damage(upload.key, body):
            return upload.put_part(number, body)

    def finish_upload(
        self,
        upload: MultipartUpload,
        etags: Sequence[str],
        condition: Mapping[str, str] = ALWAYS,
        token: str = "",
    ) -> None:
        """Make an object of the parts with these ETags.

        `condition` is that of `put`. `token` is the UPLOAD header that the upload was started with:
        with it a lost response is no error, and costs one request more.
        """
        try:
            upload.finish(etags, condition)
        except StorageError as error:
            # The first try may have made the object, and its response been lost.
            if not (error.repeated and token and self._is_of_upload(upload.key, token)):
                raise

    def _is_of_upload(self, key: str, token: str) -> bool:
        """Return True if the object carries this UPLOAD header."""
        try:
            response = self.transport.send("HEAD", key, headers=self._customer_key)
        except StorageError:
            return False
        return response.headers.get(UPLOAD) == token

    def read_part_size(self, key: str, number: int = 1) -> int:
        """Return how many bytes part `number` of an object has, from 1."""
        query = [("partNumber", str(number))]
        response = self.transport.send("HEAD", key, query=query, headers=self._customer_key)
        return int(response.headers.get("Content-Length", "0"))

    def stat(self, key: str) -> ObjectStat:
        """Return the size, ETag, times and headers of an object.

        A refusal without a reason costs a second request. A response without a length does too.
        """
        try:
            headers: Mapping[str, str] = self.transport.send(
                "HEAD", key, headers=self._customer_key
            ).headers
        except StorageError as error:
            if not quirks.is_unexplained(error):
                raise
            # MinIO gives the reason in a header. From others a GET gets it.
            headers = self._get_headers(key)
        if not headers.get("Content-Length"):  # some CDNs leave it out
            headers = self._get_headers(key)
        location = self.location.at(key)
        try:
            stat = read_stat(self.location.bucket, key, headers)
        except (KeyError, ValueError) as error:
            raise make_unexpected(location, f"no object's headers: {error!r}") from error
        if not stat.etag:
            raise make_unexpected(location, "an object without an ETag")
        return stat

    def _get_headers(self, key: str) -> Mapping[str, str]:
        """Return the headers that a HEAD would have, by a GET."""
        if (opened := self._open_range(key, 0, 1)) is not None:
            opened.close()
            return replace_length(opened.headers, opened.total)
        # An empty object has no range.
        response = self.transport.send("GET", key, headers=self._customer_key, stream=True)
        response.close()
        return response.headers

    def stream(self, key: str, start: int, stop: int, like: Stream | None = None) -> Stream:
        """Return the bytes `[start, stop)` as they arrive, fewer if the object ends earlier.

        Raises ObjectChanged if the object is not the version of `like` any more. A connection that
        breaks costs a request more.
        """

        def open_at(position: int, earlier: Stream | None) -> RangedBody | None:
            return self._open_range(key, position, stop, earlier or like)

        return Stream(open_at, start, self.server.retries)

    def _open_range(
        self, key: str, start: int, stop: int, like: Stream | None = None
    ) -> RangedBody | None:
        headers = {"Range": f"bytes={start}-{stop - 1}", **self._customer_key}
        if like:
            headers["If-Match"] = f'"{like.etag}"'
        try:
            response = self.transport.send("GET", key, headers=headers, stream=True)
        except StorageError as error:
            # The server has no bytes for any range of an empty object.
            if error.status == 416 and start == 0 and not like:
                return None
            if like and error.status in {404, 412, 416}:
                raise self.make_changed(key, error.status) from error
            raise
        opened = RangedBody(response, self.location.at(key), start, stop)
        # Some servers, and proxies before them, ignore If-Match.
        if like and (opened.etag, opened.total) != (like.etag, like.total):
            opened.close()
            raise self.make_changed(key)
        return opened

    def make_changed(self, key: str, status: int = 200) -> StorageError:
        """Return the error for an object that changed while it was being read."""
        return errors.make_error(errors.ObjectChanged, self.location.at(key), status=status)

    def read_tags(self, key: str) -> list[tuple[str, str]]:
        """Return an object's tags."""
        response = self.transport.send("GET", key, query=[("tagging", "")])
        root = parse_document(response, self.location.at(key), "Tagging")
        tags = [element for element in root.iter() if strip_namespace(element) == "Tag"]
        return [(read_child_text(tag, "Key"), read_child_text(tag, "Value")) for tag in tags]

    def delete(self, key: str) -> None:
        """Delete an object. It is no error if there is none."""
        with suppress(errors.ObjectNotFound):
            check_done(self.transport.send("DELETE", key), self.location.at(key))

    def delete_many(self, keys: Sequence[str]) -> dict[str, str]:
        """Delete up to 1,000 objects. Return the reason for each that could not be deleted.

        One request, and one more for each key that XML cannot carry.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
        """
        failed = {key: _IS_FOLDED for key in keys if names.is_folded(key)}
        deletable = [key for key in keys if key not in failed]
        single = dict.fromkeys(key for key in deletable if _NOT_XML.search(key))
        if in_document := [key for key in deletable if key not in single]:
            failed |= self._delete_listed(in_document)
        for key in single:
            try:
                self.delete(key)
            except StorageError as error:
                failed[key] = str(error)
        return failed

    def _delete_listed(self, keys: Sequence[str]) -> dict[str, str]:
        # A parser would read a carriage return as a line feed, and so as another key.
        escaped = [escape(key).translate(_BREAKS) for key in keys]
        objects = "".join(f"<Object><Key>{key}</Key></Object>" for key in escaped)
        body = f'<Delete xmlns="{NAMESPACE}">{objects}<Quiet>true</Quiet></Delete>'.encode()
        headers = {"Content-MD5": encode_md5(md5_digest(body))}
        response = self.transport.send(
            "POST", query=[("delete", "")], headers=headers, body=body, repeat=True
        )
        failed = {}
        for element in parse_document(response, self.location, "DeleteResult"):
            if strip_namespace(element) == "Error":
                code, message = (
                    read_child_text(element, "Code"),
                    read_child_text(element, "Message"),
                )
                if code not in quirks.MISSING_OBJECT_CODES:
                    failed[read_child_text(element, "Key")] = f"{code}: {message}"
        return failed

    def list_pages(
        self, prefix: str, *, delimiter: str = "", with_metadata: bool = False
    ) -> Iterator[Page]:
        """Yield the pages of a listing in key order, a request each.

        `with_metadata` asks for the headers of the objects too. Some servers do not list them.
        Raises UnexpectedAnswer rather than end early or go in circles: a page may announce more
        without a way to it, or lead back to an earlier page.
        """
        token = ""
        seen: set[str] = set()
        while True:
            page, following = self.list_page(
                prefix, token, delimiter=delimiter, with_metadata=with_metadata
            )
            yield page
            if not page.goes_on:
                return
            if not following or following in seen:
                raise make_unexpected(
                    self.location, "a listing says that it goes on, but not where"
                )
            seen.add(following)
            token = following

    def list_page(
        self,
        prefix: str,
        token: str = "",
        *,
        delimiter: str = "",
        with_metadata: bool = False,
        most: int = 0,
    ) -> tuple[Page, str]:
        """Return the page of a listing that a token leads to, and the token of the next one.

        `most` limits its keys to fewer than the server's own limit of 1,000.
        """
        query = [("list-type", "2"), ("encoding-type", "url"), ("prefix", prefix)]
        query += [("delimiter", delimiter)] if delimiter else []
        if with_metadata and quirks.may_list_metadata(self.transport.server_name):
            query.append(("metadata", "true"))
        query += [("max-keys", str(most))] if most else []
        query += [("continuation-token", token)] if token else []
        response = self.transport.send("GET", query=query)
        root = parse_document(response, self.location, "ListBucketResult")
        try:
            page = read_page(root)
        except (KeyError, ValueError) as error:
            raise make_unexpected(self.location, f"no listing's entries: {error!r}") from error
        if fault := self._find_listing_fault(page, prefix):
            raise make_unexpected(self.location, fault)
        return page, read_child_text(root, "NextContinuationToken")

    def _find_listing_fault(self, page: Page, prefix: str) -> str:
        """Return the proof that a page is not the requested listing, "" if there is none."""
        if page.bucket != self.location.bucket or page.prefix != prefix:
            return f"a listing of '{page.bucket}/{page.prefix}' instead of '{prefix}'"
        if page.goes_on is None:
            return "a listing does not say whether it goes on"
        keys = (*(entry.key for entry in page.entries), *page.prefixes)
        stray = next((key for key in keys if not key.startswith(prefix)), None)
        return "" if stray is None else f"a listing of '{prefix}' holds '{stray}'"

    def _credentials_work(self) -> bool:
        try:
            self.bucket.probe()
        except StorageError as error:
            return not isinstance(error, errors.InvalidCredentials)
        return True


def split_batches(items: Iterable[T]) -> Iterator[list[T]]:
    """Yield as many items at once as one request deletes."""
    remaining = iter(items)
    while batch := list(islice(remaining, MOST_DELETED)):
        yield batch
