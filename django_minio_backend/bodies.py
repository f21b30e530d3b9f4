"""The body of a ranged answer: read as it arrives, its connection given back or given up."""

from __future__ import annotations

from django_minio_backend import errors
from django_minio_backend.answers import etag_of
from django_minio_backend.compression import original_size
from django_minio_backend.errors import Where
from django_minio_backend.transport import Response, translated


class RangedBody:
    """The answer to a ranged GET while its body arrives."""

    def __init__(self, response: Response, where: Where, start: int, stop: int) -> None:
        self.etag = etag_of(response.headers.get("ETag", ""))
        self.original_size = original_size(response.headers)
        self._response = response
        self._where = where
        self.total = self._total(start)
        self._missing = min(stop, self.total) - start

    def read_into(self, pieces: list[bytes]) -> None:
        """Append what is missing; whatever arrived before a broken connection is kept."""
        try:
            while self._missing > 0:
                with translated(self._where):
                    data = self._response.read(self._missing)
                if not data:
                    raise errors.build(
                        errors.ServerUnreachable, self._where, detail="the answer was cut short"
                    )
                pieces.append(data)
                self._missing -= len(data)
        finally:
            # A body that was not read to its end leaves a connection that cannot be used again.
            if self._missing == 0 and not self._response.length_remaining:
                self._response.release_conn()
            else:
                self._response.close()

    def close(self) -> None:
        """Give the answer up, and with it the connection, since the body was not read."""
        self._response.close()

    def _total(self, start: int) -> int:
        headers = self._response.headers
        unit, _, given = headers.get("Content-Range", "").partition("/")
        if self._response.status == 206 and unit.startswith(f"bytes {start}-") and given.isdigit():
            return int(given)
        # A server or proxy that ignores ranges answers with the whole object.
        if self._response.status == 200 and start == 0 and "Content-Length" in headers:
            return int(headers["Content-Length"])
        self._response.close()
        raise errors.build(
            errors.UnexpectedAnswer, self._where, detail="not the range that was asked for"
        )
