"""The S3 operations that storages need, for one bucket, in our own small types.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar
from xml.sax.saxutils import escape

from django_minio_backend import errors
from django_minio_backend.answers import (
    NAMESPACE,
    ObjectStat,
    Page,
    child_text,
    local_name,
    page_of,
    stat_of,
)
from django_minio_backend.bodies import RangedBody, Stream
from django_minio_backend.bucket_client import content_md5, md5
from django_minio_backend.errors import StorageError
from django_minio_backend.parsing import Endpoint
from django_minio_backend.parts_client import ONLY_NEW, PartsClient, condition
from django_minio_backend.sources import SignedChunks
from django_minio_backend.transport import Body, Content

#: S3's limit for one PUT. https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MAX_SINGLE_PUT = 5 * 2**30
#: The most keys that one request deletes.
MOST_DELETED = 1000

T = TypeVar("T")

# Servers that have always refused content whose SHA-256 is not the one that was signed, and taken
# signed chunks.
_KNOWN = frozenset({"minio", "versitygw", "amazons3"})
_refuses_taken_names: dict[Endpoint, bool] = {}


class Client(PartsClient):
    """S3 for one bucket and its objects. Every method is one request unless it says otherwise.

    All raise the `StorageError` of what went wrong.
    """

    def put(
        self,
        key: str,
        body: Body,
        headers: Mapping[str, str],
        *,
        sha256: str = "",
        only_new: bool = False,
        replaces: str = "",
    ) -> None:
        """Store an object; with `only_new` raise ObjectExists when there is one already.

        So it does when there is none with the ETag `replaces`, if that is given.

        A `body` that is a stream must be able to seek and needs its hex digest, or to be chunks.
        """
        sent = {**headers, **condition(only_new, replaces)}
        if isinstance(body, Content) and is_locked(headers):
            sent["Content-MD5"] = content_md5(md5(body))
        try:
            response = self.transport.send("PUT", key, headers=sent, body=body, sha256=sha256)
        except errors.ObjectExists as error:
            if not (error.repeated and self._holds(key, body)):
                raise
        except errors.InvalidCredentials as error:
            # A chunk that was damaged on its way has the wrong signature, as one by a stranger.
            if not isinstance(body, SignedChunks) or not self._credentials_work():
                raise
            where = self.transport.where.of(key)
            raise errors.build(
                errors.IntegrityError, where, detail=str(error.__cause__), code=error.code
            ) from error
        else:
            self._stored_etag(response, key)

    @property
    def takes_signed_chunks(self) -> bool:
        """Whether the server is known to; False before it has first answered."""
        return self._is_known

    @property
    def refuses_taken_names(self) -> bool | None:
        """Whether the server heeds `If-None-Match: *`; None until `learn` has found out."""
        return _refuses_taken_names.get(self._options.endpoint)

    def learn(self, key: str) -> None:
        """Find out, with an object that exists, whether the server refuses taken names.

        What a server is called does not say how old it is, and old ones ignore the condition and
        overwrite. So it is shown content that does not match its checksum: a server that heeds
        the condition says so before it looks at the content, and one that checks content stores
        nothing either way. Only servers that are known to check it are asked.
        """
        if not self._is_known:
            _refuses_taken_names[self._options.endpoint] = False
            return
        headers = {**ONLY_NEW, "Content-Length": "1"}
        try:
            self.transport.send("PUT", key, headers=headers, body=io.BytesIO(b"?"), sha256="0" * 64)
        except (errors.ServerUnreachable, errors.ServerFault, errors.Throttled):
            pass  # nothing learned
        except StorageError as error:
            refused = isinstance(error, errors.ObjectExists)
            _refuses_taken_names[self._options.endpoint] = refused

    def stat(self, key: str) -> ObjectStat:
        try:
            response = self.transport.send("HEAD", key, headers=self._customer_key)
        except StorageError as error:
            if error.code or error.status not in {400, 403, 404}:
                raise
            # The answer to a HEAD has no document, and a bare refusal may mean a wrong key or a
            # missing bucket as well. MinIO says it in a header; elsewhere a GET is told.
            if (opened := self._open_range(key, 0, 1)) is not None:
                opened.close()
            raise
        try:
            return stat_of(self.transport.where.bucket, key, response.headers)
        except (KeyError, ValueError) as error:
            raise self._unexpected(f"no object's headers: {error!r}", key) from error

    def stream(self, key: str, start: int, stop: int, like: Stream | None = None) -> Stream:
        """Return the bytes `[start, stop)` as they arrive, fewer where the object ends before.

        Raises ObjectChanged when the object is no longer the one that `like` is of. A connection
        that breaks midway costs a request more.
        """

        def open_at(position: int, earlier: Stream | None) -> RangedBody | None:
            return self._open_range(key, position, stop, earlier or like)

        return Stream(open_at, start, self._options.retries)

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
                raise self.changed(key, error.status) from error
            raise
        opened = RangedBody(response, self.transport.where.of(key), start, stop)
        # Not every server, or proxy before it, heeds If-Match.
        if like and (opened.etag, opened.total) != (like.etag, like.total):
            opened.close()
            raise self.changed(key)
        return opened

    def tags(self, key: str) -> list[tuple[str, str]]:
        """Return an object's tags."""
        root = self._xml(self.transport.send("GET", key, query=[("tagging", "")]), "Tagging")
        found = [element for element in root.iter() if local_name(element) == "Tag"]
        return [(child_text(one, "Key"), child_text(one, "Value")) for one in found]

    def delete(self, key: str) -> None:
        """Delete an object; that there is none is no error."""
        with suppress(errors.ObjectNotFound):
            self.transport.send("DELETE", key)

    def delete_many(self, keys: Sequence[str]) -> dict[str, str]:
        """Delete up to 1,000 objects; return S3's reason for each that could not be.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
        """
        objects = "".join(f"<Object><Key>{escape(key)}</Key></Object>" for key in keys)
        body = f'<Delete xmlns="{NAMESPACE}">{objects}<Quiet>true</Quiet></Delete>'.encode()
        headers = {"Content-MD5": content_md5(md5(body))}
        response = self.transport.send("POST", query=[("delete", "")], headers=headers, body=body)
        failed = {}
        for element in self._xml(response, "DeleteResult"):
            if local_name(element) == "Error":
                code, message = child_text(element, "Code"), child_text(element, "Message")
                if code not in {"NoSuchKey", "NoSuchVersion"}:
                    failed[child_text(element, "Key")] = f"{code}: {message}"
        return failed

    def pages(self, prefix: str, *, delimiter: str = "") -> Iterator[Page]:
        """Yield the pages of a listing, a request each, in key order.

        Raises UnexpectedAnswer rather than end early or go in circles when a page says that
        there is more but not where, or where it has been before.
        """
        query = [("list-type", "2"), ("encoding-type", "url"), ("prefix", prefix)]
        query += [("delimiter", delimiter)] if delimiter else []
        token = ""
        seen: set[str] = set()
        while True:
            at = [("continuation-token", token)] if token else []
            response = self.transport.send("GET", query=[*query, *at])
            root = self._xml(response, "ListBucketResult")
            try:
                page = page_of(root)
            except (KeyError, ValueError) as error:
                raise self._unexpected(f"no listing's entries: {error!r}") from error
            yield page
            if child_text(root, "IsTruncated") != "true":
                return
            following = child_text(root, "NextContinuationToken")
            if not following or following in seen:
                raise self._unexpected("a listing says that it goes on, but not where")
            seen.add(following)
            token = following

    @property
    def _is_known(self) -> bool:
        return self.transport.server.lower() in _KNOWN

    def _credentials_work(self) -> bool:
        try:
            self.probe()
        except StorageError as error:
            return not isinstance(error, errors.InvalidCredentials)
        return True

    def _holds(self, key: str, body: Body) -> bool:
        """Say whether the object is what was just sent: a repeated PUT may find its own work."""
        if not isinstance(body, Content):
            return False
        return self.stat(key).etag == md5(body).hex()


def batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield as many at once as one request deletes."""
    for start in range(0, len(items), MOST_DELETED):
        yield items[start : start + MOST_DELETED]


def is_locked(headers: Mapping[str, str]) -> bool:
    """Say whether the headers lock the object, for which S3 wants a Content-MD5 as well."""
    return any(name.lower().startswith("x-amz-object-lock") for name in headers)
