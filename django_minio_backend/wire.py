"""Connections whose answers' headers are cheap to read.

http.client reads headers with the parser that reads e-mails, which takes a sixth of the time that
a small request does. The rest of its work, and all of urllib3's, is left to them.
"""

from __future__ import annotations

import http.client
import io
from types import FunctionType
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

# As http.client has them.
_MAX_LINE = 65536
_MAX_HEADERS = 100


def parse_headers(stream: io.BufferedIOBase, **limits: Any) -> http.client.HTTPMessage:
    """Read headers to the empty line that ends them, as http.client's function of this name does.

    `limits` are that function's own, in later versions of Python; there are limits here as well.

    https://www.rfc-editor.org/rfc/rfc9112#name-field-syntax
    """
    lines: list[bytes] = []
    while (line := stream.readline(_MAX_LINE + 1)) not in {b"\r\n", b"\n", b""}:
        lines.append(line)
        if len(line) > _MAX_LINE:
            raise http.client.LineTooLong("header line")
        if len(lines) > _MAX_HEADERS:
            raise http.client.HTTPException(f"got more than {_MAX_HEADERS} headers")
    message = http.client.HTTPMessage()
    for field in lines:
        name, colon, value = field.decode("iso-8859-1").partition(":")
        if not colon or not name or name != name.strip():
            # A folded line, or none at all: what to make of it is for the standard library to say.
            return http.client.parse_headers(io.BytesIO(b"".join([*lines, line])))
        message.set_raw(name, value.strip())
    return message


def _with_parser(method: Any) -> FunctionType:
    """Return the standard library's own method, which finds our function under that name."""
    twin = FunctionType(
        method.__code__,
        {**vars(http.client), "parse_headers": parse_headers},
        argdefs=method.__defaults__,
        closure=method.__closure__,
    )
    twin.__kwdefaults__ = method.__kwdefaults__
    return twin


class _Answer(http.client.HTTPResponse):
    begin = _with_parser(http.client.HTTPResponse.begin)


class Connection(HTTPConnection):
    response_class = _Answer


class SecureConnection(HTTPSConnection):
    response_class = _Answer


class _Pool(HTTPConnectionPool):
    ConnectionCls = Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = SecureConnection


class PoolManager(urllib3.PoolManager):
    """urllib3's, with such connections."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
