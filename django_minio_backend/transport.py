"""One signed S3 request and its answer: sending, the retry policy, and errors told apart."""

from __future__ import annotations

import datetime
import hashlib
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError, ResponseError, SSLError

from django_minio_backend import errors, pools
from django_minio_backend.answers import local_name
from django_minio_backend.errors import StorageError, Where
from django_minio_backend.names import quote_key
from django_minio_backend.options import Options
from django_minio_backend.parsing import Endpoint
from django_minio_backend.signing import EMPTY_SHA256, Credentials, Query, Signer, encode_query
from django_minio_backend.sources import SignedChunks

Response = urllib3.BaseHTTPResponse
Content = bytes | bytearray


class Readable(Protocol):
    """A body that is read while it is sent, and from its start when it is sent again."""

    def read(self, count: int = -1, /) -> bytes | memoryview: ...
    def tell(self) -> int: ...
    def seek(self, position: int, /) -> int: ...


Body = Content | Readable

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (RequestTimeTooSkewed)
_TOLERATED_SKEW = datetime.timedelta(minutes=15)
# An error document is a few hundred bytes; whatever is longer is no error document.
_MAX_ERROR_BYTES = 64 * 1024
# When each endpoint last answered, and with which headers.
_answers: dict[Endpoint, tuple[datetime.datetime, Mapping[str, str]]] = {}


class Transport:
    """Sends requests for one bucket of one storage. Holds no connection, so it survives a fork."""

    def __init__(self, options: Options, credentials: Callable[[], Credentials]) -> None:
        self.where = Where(options.alias, options.bucket)
        self._endpoint = options.endpoint
        self._connection = pools.Connection.of(options)
        self._own_client = options.http_client
        self._credentials = credentials
        self._signer = Signer(options.region)

    def send(
        self,
        method: str,
        key: str = "",
        *,
        query: Query = (),
        headers: Mapping[str, str] | None = None,
        body: Body = b"",
        sha256: str = "",
        stream: bool = False,
        **limits: Any,
    ) -> Response:
        """Send one request to the bucket or to an object in it and return a 2xx answer.

        `sha256` is the hex digest of a `body` that is a stream, or says that it comes in chunks.
        With `stream` the answer's body is left to be read and the connection to be given back by
        the caller. `limits` are urllib3's `timeout` and `retries`, where a request needs its own.

        Raises the `StorageError` that the answer, or its absence, stands for.
        """
        path = f"/{self.where.bucket}/{quote_key(key)}" if key else f"/{self.where.bucket}"
        if isinstance(body, Content):
            sha256 = hashlib.sha256(body).hexdigest() if body else EMPTY_SHA256
        encoded, sent = encode_query(query), utc_now()
        credentials = self._credentials()
        signed = self._signer.headers(
            credentials,
            sent,
            method,
            path,
            encoded,
            {"Host": self._endpoint.netloc, **(headers or {})},
            sha256,
        )
        if isinstance(body, SignedChunks):
            body.sign_with(self._signer.chunk_signer(credentials, signed))
        where = self.where.of(key)
        target = f"{path}?{encoded}" if encoded else path
        with translated(where):
            response = self._exchange(method, target, signed, body, not stream, limits)
            _answers[self._endpoint] = (sent, response.headers)
            if response.status >= 300:
                raise _failure(response, where, method)
        return response

    @property
    def server(self) -> str:
        """What the server calls itself, without its version; "" before it has answered."""
        _, headers = _answers.get(self._endpoint, (None, {}))
        return headers.get("Server", "").partition("/")[0]

    @property
    def clock_difference(self) -> datetime.timedelta | None:
        """How far the server's clock was ahead of ours when it last answered; None: it said not."""
        at, headers = _answers.get(self._endpoint, (utc_now(), {}))
        return _ahead(headers.get("Date", ""), at)

    def _exchange(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: Body,
        preload: bool,
        limits: Mapping[str, Any],
    ) -> Response:
        pool: Any = self._own_client
        # A proxy must see the whole URL, which is its manager's business.
        if pool is not None and pool.proxy is not None:
            pool = pools.manager(self._connection, pool)
            target = f"{self._endpoint.url}{target}"
        else:
            pool = pools.http_pool(self._connection, pool)
            limits = {"assert_same_host": False, **limits}
        response: Response = pool.urlopen(
            method,
            target,
            body=body,
            headers={"User-Agent": "django-minio-backend", **headers},
            redirect=False,
            preload_content=preload,
            decode_content=False,
            **limits,
        )
        return response


def utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


@contextmanager
def translated(where: Where) -> Iterator[None]:
    """Turn what the HTTP library raises into the `StorageError` for it, the cause chained."""
    try:
        yield
    except HTTPError as error:
        kind: type[StorageError] = errors.ServerUnreachable
        reason = getattr(error, "reason", None)
        # A project's own client may turn the last answer into an exception.
        if isinstance(reason, ResponseError) and (status := re.search(r"\b\d{3}\b", str(reason))):
            kind = errors.error_class(int(status[0]), "")
        raise errors.build(kind, where, detail=_detail(error)) from error


def _failure(response: Response, where: Where, method: str) -> StorageError:
    """Return the exception for an answer of 300 or above, with S3's error document as its cause."""
    cause = _read_error(response)
    kind = _kind(response, cause.code, where, method)
    built = errors.build(kind, where, detail=str(cause), code=cause.code, status=response.status)
    built.repeated = bool(response.retries and response.retries.history)
    built.__cause__ = cause
    return built


def _kind(response: Response, code: str, where: Where, method: str) -> type[StorageError]:
    status = response.status
    if not code:
        if status == 403 and _clocks_differ(response):
            return errors.ClockSkew
        # The answer to a HEAD has no document; what a bare 404 means, the client finds out.
        if status == 404 and method == "HEAD":
            return errors.ObjectNotFound if where.name else errors.BucketNotFound
        # S3 gives its reasons.
        if status < 400 or status in {404, 405} or (status == 400 and method != "HEAD"):
            return errors.UnexpectedAnswer
    return errors.error_class(status, code)


def _clocks_differ(response: Response) -> bool:
    """Say whether the server's clock is further from ours than S3 tolerates."""
    ahead = _ahead(response.headers.get("Date", ""), utc_now())
    return ahead is not None and abs(ahead) > _TOLERATED_SKEW


def _ahead(date: str, now: datetime.datetime) -> datetime.timedelta | None:
    try:
        theirs = parsedate_to_datetime(date)
    except ValueError:
        return None
    return theirs - now if theirs.tzinfo is not None else None


def _read_error(response: Response) -> errors.S3Failure:
    """Return what the answer says of its reasons; a connection with more to say is closed."""
    try:
        document = (response.read(_MAX_ERROR_BYTES) or response.data or b"")[:_MAX_ERROR_BYTES]
    finally:
        if response.length_remaining != 0:
            response.close()
        response.release_conn()
    headers, fields = response.headers, _fields(document)
    message = fields.get("Message") or headers.get("x-minio-error-desc", "").strip('"')
    if 300 <= response.status < 400:
        at = urlsplit(headers.get("Location", ""))
        message = message or f"it redirects to {at.scheme}://{at.netloc}"
    if not fields and not message:
        message = document[:200].decode(errors="replace")
    return errors.S3Failure(
        response.status,
        fields.get("Code") or headers.get("x-minio-error-code", ""),
        message,
        fields.get("RequestId") or headers.get("x-amz-request-id", ""),
    )


def _fields(document: bytes) -> dict[str, str]:
    if document.lstrip().startswith(b"<"):
        with suppress(ET.ParseError):
            root = ET.fromstring(document)
            if local_name(root) == "Error":
                return {local_name(child): child.text or "" for child in root}
    return {}


def _detail(error: HTTPError) -> str:
    reason = getattr(error, "reason", None)
    cause = reason if isinstance(reason, Exception) else error
    hint = "; for a private certificate authority set MINIO_CA_CERTS"
    return (str(cause) or type(cause).__name__) + (hint if isinstance(cause, SSLError) else "")
