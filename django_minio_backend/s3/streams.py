"""The bodies of ranged responses: read as they arrive, and resumed if the connection breaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django_minio_backend import errors
from django_minio_backend.errors import Location
from django_minio_backend.s3.failures import make_failure
from django_minio_backend.s3.http import HTTPFault, Response
from django_minio_backend.s3.payloads import Content
from django_minio_backend.s3.responses import read_etag


class RangedBody:
    """The response to one ranged GET while its body arrives.

    Its connection goes back to the pool after the last byte. Before that it is closed.
    """

    def __init__(self, response: Response, where: Location, start: int, stop: int) -> None:
        self.etag = read_etag(response.headers.get("ETag", ""))
        self.headers = response.headers
        self._response = response
        self._where = where
        if not self.etag:
            response.close()
            raise errors.make_error(
                errors.UnexpectedAnswer, where, detail="an object without an ETag"
            )
        self.total = self._read_total(start)
        self._missing = min(stop, self.total) - start
        self._give_back()

    def read(self, count: int) -> Content:
        """Return up to `count` bytes, none at the end of the range."""
        if self._missing <= 0:
            return b""
        try:
            data = self._response.read(min(count, self._missing))
            if not data:
                raise HTTPFault("the answer was cut short")
        except HTTPFault as fault:
            self.close()
            raise make_failure(fault, self._where) from fault
        self._missing -= len(data)
        self._give_back()
        return data

    def close(self) -> None:
        """Give the response up, and close its connection if there is more to come."""
        self._response.close()

    def _give_back(self) -> None:
        # If the body goes on after the range, the connection cannot be used again.
        if self._missing <= 0:
            self.close()

    def _read_total(self, start: int) -> int:
        headers = self._response.headers
        unit, _, total = headers.get("Content-Range", "").partition("/")
        if self._response.status == 206 and unit.startswith(f"bytes {start}-") and total.isdigit():
            return int(total)
        # A server or proxy that ignores ranges sends the whole object.
        length = headers.get("Content-Length", "")
        if self._response.status == 200 and start == 0 and length.isdigit():
            return int(length)
        self._response.close()
        raise errors.make_error(
            errors.UnexpectedAnswer, self._where, detail="not the range that was asked for"
        )


class Stream:
    """The bytes of one version of an object as they arrive; none if the object is empty.

    `total` is the object's size, `headers` are those of the first response. If the connection
    breaks, the stream goes on with a new request, up to `retries` times in a row.
    """

    def __init__(
        self, open_at: Callable[[int, Stream | None], RangedBody | None], start: int, retries: int
    ) -> None:
        self._open_at = open_at
        self._position = start
        self._retries = self._left = retries
        self._body = body = open_at(start, None)
        self.etag = body.etag if body else ""
        self.total = body.total if body else 0
        self.headers: Mapping[str, str] = body.headers if body else {}

    def read(self, count: int) -> Content:
        """Return up to `count` bytes, none at the end."""
        while self._body is not None:
            try:
                data = self._body.read(count)
            except errors.ServerUnreachable:
                if not self._left:
                    raise
                self._left -= 1
                self._body = self._open_at(self._position, self)
            else:
                self._position += len(data)
                self._left = self._retries
                return data
        return b""

    def close(self) -> None:
        """Give up the bytes that have not arrived."""
        if self._body is not None:
            self._body.close()
