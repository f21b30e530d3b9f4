"""One signed S3 request and its response, with retries and errors."""

from __future__ import annotations

import datetime
import hashlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from django_minio_backend.errors import Location, StorageError
from django_minio_backend.names import quote_key
from django_minio_backend.redaction import strip_frames
from django_minio_backend.s3 import quirks
from django_minio_backend.s3.checksums import encode_md5
from django_minio_backend.s3.connections import LastResponse, find_live_server
from django_minio_backend.s3.failures import (
    make_failure,
    read_failure,
    utc_now,
)
from django_minio_backend.s3.http import HTTPFault, Response
from django_minio_backend.s3.payloads import Body, Content, Payload, SignedChunks
from django_minio_backend.s3.server import Server
from django_minio_backend.s3.signing import (
    EMPTY_SHA256,
    SIGNED_CHUNKS,
    Credentials,
    Query,
    Signer,
    encode_query,
)


class Transport:
    """Sends requests for one bucket of one storage. It survives a fork."""

    def __init__(
        self, server: Server, location: Location, credentials: Callable[[], Credentials]
    ) -> None:
        self.location = location
        self.live = find_live_server(server)
        self._credentials = credentials
        self._signer = Signer(server.region)

    def send(
        self,
        method: str,
        key: str = "",
        *,
        query: Query = (),
        headers: Mapping[str, str] | None = None,
        body: Body | Payload = b"",
        sha256: str = "",
        stream: bool = False,
        repeat: bool = False,
        conflicts: bool = False,
        **limits: Any,
    ) -> Response:
        """Send one request to the bucket, or to an object in it, and return a 2xx response.

        A Payload is read while it is sent, and twice if the server may not accept signed chunks.
        `sha256` is the hex digest of another stream, or stands for signed chunks. With
        `stream` the caller reads the body and gives the connection back. `repeat` allows to repeat
        a POST. `conflicts` says that a 409 is a race of two writers, and allows to repeat the
        request then. `limits` are `timeout` (seconds) and `retries` for this request.

        Raises the `StorageError` of the response, or of its absence.
        """
        path = f"/{self.location.bucket}/{quote_key(key)}" if key else f"/{self.location.bucket}"
        headers = {"Host": self.live.host, **(headers or {})}
        if isinstance(body, Payload):
            body, sha256 = self._prepare(body, headers)
        elif isinstance(body, Content):
            sha256 = hashlib.sha256(body).hexdigest() if body else EMPTY_SHA256
        encoded, sent = encode_query(query), utc_now()
        credentials = self._credentials()
        signed = self._signer.headers(
            credentials,
            sent,
            method,
            path,
            encoded,
            headers,
            sha256,
        )
        if isinstance(body, SignedChunks):
            body.sign_with(self._signer.make_chunk_signer(credentials, signed))
        location = self.location.at(key)
        try:
            response = self.live.pool.request(
                method,
                f"{path}?{encoded}" if encoded else path,
                signed,
                body,
                stream=stream,
                repeat=repeat,
                conflicts=conflicts,
                **limits,
            )
            self.live.facts.last_response = LastResponse(sent, time.monotonic(), response.headers)
            if response.status >= 300:
                raise read_failure(response, location, method, encoded)
        except HTTPFault as fault:
            strip_frames(fault)
            raise make_failure(fault, location) from fault
        except StorageError:
            raise
        except Exception as error:
            # Reading the content failed, for example.
            strip_frames(error)
            raise
        return response

    def _prepare(self, payload: Payload, headers: dict[str, str]) -> tuple[Body, str]:
        """Return the body for a payload and its hash. Add the headers that it needs."""
        needs_md5 = is_locked(headers)
        if self.takes_signed_chunks and not needs_md5:
            chunks = SignedChunks(payload)
            headers.update(chunks.headers)
            return chunks, SIGNED_CHUNKS
        sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        payload.feed(sha256, *([md5] if needs_md5 else []))
        headers["Content-Length"] = str(payload.size)
        if needs_md5:
            headers["Content-MD5"] = encode_md5(md5.digest())
        return payload, sha256.hexdigest()

    @property
    def takes_signed_chunks(self) -> bool:
        """True if the server is known to accept them. False before its first response."""
        return quirks.checks_content(self.server_name)

    def has_write_quorum(self, **limits: Any) -> bool | None:
        """Ask a MinIO whether enough of its nodes are up to save files. None: it does not say.

        https://github.com/minio/minio/blob/master/docs/metrics/healthcheck/README.md
        """
        if self.server_name.lower() != "minio":
            return None
        headers = {"Host": self.live.host}
        try:
            response = self.live.pool.request("GET", "/minio/health/cluster", headers, **limits)
        except HTTPFault:
            return None
        return {200: True, 503: False}.get(response.status)

    @property
    def server_name(self) -> str:
        """The server's name for itself, without its version; "" before its first response."""
        last = self.live.facts.last_response
        return last.headers.get("Server", "").partition("/")[0] if last else ""

    @property
    def clock_difference(self) -> datetime.timedelta | None:
        """How far the server's clock was ahead of ours at its last response. None if unknown."""
        last = self.live.facts.last_response
        return last.clock_difference if last else None

    def server_time(self) -> datetime.datetime:
        """Return the time by the server's clock, up to a second and a response too early.

        Our clock does not matter, and may be set meanwhile. Without a response it has to do.
        """
        last = self.live.facts.last_response
        if last is None or (ahead := last.clock_difference) is None:
            return utc_now()
        passed = datetime.timedelta(seconds=time.monotonic() - last.arrived)
        return last.sent + ahead + passed


def is_locked(headers: Mapping[str, str]) -> bool:
    """Return True if the headers lock the object. Then S3 requires a Content-MD5 too."""
    return any(name.lower().startswith("x-amz-object-lock") for name in headers)
