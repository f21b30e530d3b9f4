"""The bodies of ranged answers: read as they arrive, resumed where they break."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django_minio_backend import errors
from django_minio_backend.answers import etag_of
from django_minio_backend.errors import Where
from django_minio_backend.transport import Response, translated


class RangedBody:
    """The answer to one ranged GET while its body arrives.

    Its connection goes back to the pool after the last byte, and is given up before.
    """

    def __init__(self, response: Response, where: Where, start: int, stop: int) -> None:
        self.etag = etag_of(response.headers.get("ETag", ""))
        self.headers = response.headers
        self._response = response
        self._where = where
        self.total = self._total(start)
        self._missing = min(stop, self.total) - start
        self._give_back()

    def read(self, count: int) -> bytes:
        """Return up to `count` bytes, none at the end of the range."""
        if self._missing <= 0:
            return b""
        try:
            with translated(self._where):
                data = self._response.read(min(count, self._missing))
            if not data:
                raise errors.build(
                    errors.ServerUnreachable, self._where, detail="the answer was cut short"
                )
        except BaseException:
            self.close()
            raise
        self._missing -= len(data)
        self._give_back()
        return data

    def close(self) -> None:
        """Give the answer up, and its connection with it when there is more to come."""
        self._response.close()

    def _give_back(self) -> None:
        if self._missing <= 0:
            # A body with more in it than the range leaves a connection that cannot be used again.
            if self._response.length_remaining != 0:
                self.close()
            self._response.release_conn()

    def _total(self, start: int) -> int:
        headers = self._response.headers
        unit, _, given = headers.get("Content-Range", "").partition("/")
        if self._response.status == 206 and unit.startswith(f"bytes {start}-") and given.isdigit():
            return int(given)
        # A server or proxy that ignores ranges answers with the whole object.
        length = headers.get("Content-Length", "")
        if self._response.status == 200 and start == 0 and length.isdigit():
            return int(length)
        self._response.close()
        raise errors.build(
            errors.UnexpectedAnswer, self._where, detail="not the range that was asked for"
        )


class Stream:
    """Bytes of one version of an object, as they arrive; of none where the object is empty.

    `total` is the object's size, `headers` are those of the first answer. A connection that
    breaks is made anew where it broke, `retries` times in a row.
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

    def read(self, count: int) -> bytes:
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
        """Give up what has not arrived."""
        if self._body is not None:
            self._body.close()
