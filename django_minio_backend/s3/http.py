"""One HTTP/1.1 request and its response, over a connection of our own.

It has the parts of HTTP that S3 needs. There are no redirects, cookies or encodings of content.

https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

import re
import select
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import NamedTuple

from django_minio_backend.s3.headers import Headers, read_head
from django_minio_backend.s3.payloads import Body, Content

#: The longest response that is read whole, in bytes. A listing of 1,000 keys is under 4 MiB.
MAX_ANSWER = 16 * 2**20
# The longest head of a response, in bytes.
_MAX_HEAD = 64 * 2**10
# The bytes that a body is read and sent in. Smaller blocks cost more CPU.
_BLOCK = 2**18
# A body up to this size goes into one packet with the head.
_JOINED = 2**16
# 1xx responses, which announce another one.
_MOST_INTERIM = 8
#: The name of this client for servers.
USER_AGENT = "django-minio-backend"
# The end of each head. Without the second header a server may compress an object.
_SENT_ALWAYS = f"User-Agent: {USER_AGENT}\r\nAccept-Encoding: identity\r\n\r\n"
# The lines of a head beside its own headers.
_SENT_LINES = 1 + _SENT_ALWAYS.count("\n")
# The length of a body whose chunks have their own.
_CHUNKED = -1
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_LINE_ENDS = (b"\r\n", b"\n")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")


class HTTPFault(Exception):
    """No response came, or not all of it. The cause is the reason."""

    #: The status of the last response, if a project's client turned it into an exception.
    status: int | None = None

    @property
    def timed_out(self) -> bool:
        """True if the server took too long."""
        return isinstance(self.__cause__, TimeoutError)


class NotConnected(HTTPFault):
    """There is no connection, so the server has not seen the request."""


class TooLong(HTTPFault):
    """A response has more bytes than any of S3's that is read whole."""

    def __init__(self) -> None:
        super().__init__(f"the answer has more than {MAX_ANSWER:,} bytes")


class Request(NamedTuple):
    """A request, with the arguments of `Requester.request`."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: Body
    stream: bool
    repeat: bool
    conflicts: bool
    timeout: float | None
    retries: int | None


class Response:
    """A response while its body arrives. After the last byte its connection is free again."""

    #: True if the request was sent more than once.
    repeated = False
    #: True if an earlier response to the request may have been lost.
    lost = False
    #: The body of a response that was read whole.
    data = b""

    def __init__(self, status: int, headers: Headers) -> None:
        self.status = status
        self.headers = headers

    def read(self, count: int) -> Content:
        """Return up to `count` bytes, none at the end. Raises HTTPFault if the body is cut."""
        raise NotImplementedError

    def close(self) -> None:
        """Give up the rest of the body. A connection with more to read is closed."""
        raise NotImplementedError

    def read_all(self) -> None:
        """Read the whole body into `data`. Raises TooLong if it is longer than S3's are."""
        blocks: list[Content] = []
        room = MAX_ANSWER
        while block := self.read(_BLOCK):
            blocks.append(block)
            room -= len(block)
            if room < 0:
                self.close()
                raise TooLong
        self.data = b"".join(blocks)


class _Arriving(Response):
    """A response that arrives on one of our connections."""

    def __init__(
        self,
        status: int,
        headers: Headers,
        connection: Connection,
        keep: Callable[[], None] | None,
        length: int | None,
    ) -> None:
        super().__init__(status, headers)
        self._connection: Connection | None = connection
        # Called after the last byte if the connection can be used again.
        self._keep = keep
        self._is_chunked = length == _CHUNKED
        # The bytes that the body, or the current chunk, still has. None: up to the end.
        self._left = 0 if self._is_chunked else length
        if length == 0:
            self._end()

    def read(self, count: int) -> Content:
        if self._connection is None:
            return b""
        try:
            if self._is_chunked and not self._left:
                self._left = self._connection.read_chunk_size()
                if self._left == 0:
                    self._end()
                    return b""
            data = self._connection.receive(count if self._left is None else min(count, self._left))
            if self._left is None:
                if not data:
                    self._end()
                return data
            if not data:
                raise HTTPFault("the answer was cut short")
            self._left -= len(data)
            if not self._left:
                if self._is_chunked:
                    self._connection.read_chunk_end()
                else:
                    self._end()
        except BaseException:
            self.close()
            raise
        return data

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _end(self) -> None:
        connection, self._connection = self._connection, None
        assert connection is not None
        if self._keep is not None and not connection.holds_bytes:
            self._keep()
        else:
            connection.close()


class Connection:
    """A connection to one server. It carries one request at a time. Times are seconds."""

    def __init__(
        self,
        host: str,
        port: int,
        tls: ssl.SSLContext | None,
        connect_timeout: float,
        read_timeout: float,
    ) -> None:
        try:
            self._socket = socket.create_connection((host, port), connect_timeout)
        except (OSError, UnicodeError) as error:
            raise NotConnected(f"no connection to {host}:{port}: {error}") from error
        # The bytes that were received and not yet read.
        self._received = b""
        self._timeout = connect_timeout
        self._read_timeout = read_timeout
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                name = host.partition("%")[0].rstrip(".")
                self._socket = tls.wrap_socket(self._socket, server_hostname=name)
        except (OSError, ValueError) as error:
            self.close()
            raise NotConnected(f"no connection to {host}:{port}: {error}") from error

    def __del__(self) -> None:
        if hasattr(self, "_socket"):
            self.close()

    def close(self) -> None:
        self._socket.close()

    @property
    def is_dropped(self) -> bool:
        """True if an idle connection was closed by the server, or has bytes that nobody expects."""
        return _has_input(self._socket)

    @property
    def holds_bytes(self) -> bool:
        return bool(self._received)

    def exchange(self, request: Request, keep: Callable[[], None]) -> Response:
        """Send a request and return its response as soon as its head is there.

        Its time-out replaces the read time-out. It bounds each wait for bytes to arrive or to be
        taken. `keep` is called when the connection can be used again. Raises HTTPFault, and the
        errors of reading the body.
        """
        if (timeout := request.timeout or self._read_timeout) != self._timeout:
            self._socket.settimeout(timeout)
            self._timeout = timeout
        try:
            head = make_head(request.method, request.target, request.headers, request.body)
            is_sent = self._send(head, request.body)
            return self._read_response(request.method, keep if is_sent else None)
        except BaseException:
            self.close()
            raise

    def _send(self, head: bytes, body: Body) -> bool:
        """Send a request. Return False if the server hung up: it may have answered early."""
        if isinstance(body, Content):
            if len(body) <= _JOINED:
                return self._send_block(head + body)
            view, start = memoryview(body), 0
            is_taken = self._send_block(head)
            while is_taken and start < len(view):
                is_taken = self._send_block(view[start : start + _BLOCK])
                start += _BLOCK
            return is_taken
        is_taken = self._send_block(head)
        while is_taken and (block := body.read(_BLOCK)):
            is_taken = self._send_block(block)
        return is_taken

    def _send_block(self, block: bytes | memoryview) -> bool:
        try:
            self._socket.sendall(block)
        except (BrokenPipeError, ConnectionResetError):
            return False
        except OSError as error:
            raise HTTPFault(f"the connection broke: {error}") from error
        return True

    def _read_response(self, method: str, keep: Callable[[], None] | None) -> Response:
        minor, status, headers = self._read_head()
        for _ in range(_MOST_INTERIM):
            if status >= 200:
                break
            minor, status, headers = self._read_head()
        if status < 200:
            raise HTTPFault(f"the server answers {status} and nothing after it")
        names = headers.get("Connection", "").lower()
        if minor == 0 or "close" in names:
            keep = None
        return _Arriving(status, headers, self, keep, _measure_body(method, status, headers))

    def _read_head(self) -> tuple[int, int, Headers]:
        data = self._received or self._receive_some()
        while (end := _HEAD_END.search(data)) is None:
            if len(data) > _MAX_HEAD:
                raise HTTPFault(f"the answer's head has more than {_MAX_HEAD:,} bytes")
            more = self._receive_some()
            if not more:
                raise HTTPFault("the server hung up" + (" within its answer" if data else ""))
            data += more
        self._received = data[end.end() :]
        try:
            return read_head(data[: end.start()] + b"\n")
        except ValueError as error:
            raise HTTPFault(str(error)) from error

    def receive(self, count: int) -> Content:
        """Return `count` bytes, fewer at the end of the connection."""
        start = self._received[:count]
        self._received = self._received[count:]
        if len(start) == count:
            return start
        buffer = bytearray(count)
        buffer[: len(start)] = start
        filled, view = len(start), memoryview(buffer)
        try:
            while filled < count and (more := self._socket.recv_into(view[filled:])):
                filled += more
        except OSError as error:
            raise HTTPFault(f"no answer: {error}") from error
        view.release()
        del buffer[filled:]
        return buffer

    def _receive_some(self) -> bytes:
        try:
            return self._socket.recv(_JOINED)
        except OSError as error:
            raise HTTPFault(f"no answer: {error}") from error

    def read_chunk_size(self) -> int:
        """Return the size of the next chunk, in bytes. After the last chunk read the trailers."""
        line = self.read_line()
        size = _CHUNK_SIZE.fullmatch(line)
        if size is None:
            raise HTTPFault(f"a chunk has no size: {line[:40]!r}")
        room = _MAX_HEAD
        while size[1].strip(b"0") == b"" and (trailer := self.read_line()) not in _LINE_ENDS:
            room -= len(trailer)
            if room < 0:
                raise HTTPFault(f"the answer's trailers have more than {_MAX_HEAD:,} bytes")
        return int(size[1], 16)

    def read_chunk_end(self) -> None:
        if (line := self.read_line()) not in _LINE_ENDS:
            raise HTTPFault(f"a chunk is longer than its size: {line[:40]!r}")

    def read_line(self) -> bytes:
        """Return the next line with its end."""
        while b"\n" not in self._received:
            if len(self._received) > _MAX_HEAD:
                raise HTTPFault(f"a line has more than {_MAX_HEAD:,} bytes")
            more = self._receive_some()
            if not more:
                raise HTTPFault("the answer was cut short")
            self._received += more
        line, end, self._received = self._received.partition(b"\n")
        return line + end


def _measure_body(method: str, status: int, headers: Headers) -> int | None:
    """Return the bytes of a body, _CHUNKED, or None: it ends with the connection."""
    encoding = headers.get("Transfer-Encoding", "").lower()
    length = headers.get("Content-Length", "")
    if method == "HEAD" or status in {204, 304}:
        return 0
    if encoding:
        if encoding != "chunked":
            raise HTTPFault(f"the transfer encoding {encoding!r} is unknown")
        return _CHUNKED
    if not length:
        return None
    if not (length.isascii() and length.isdigit()):
        raise HTTPFault(f"the content length {length[:40]!r} is no number")
    return int(length)


def _has_input(sock: socket.socket) -> bool:
    """Return True if a socket has bytes to read, or its end. Does not wait."""
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def make_head(method: str, target: str, headers: Mapping[str, str], body: Body) -> bytes:
    """Return the head of a request. Raises ValueError for a header with a line break."""
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    if isinstance(body, Content) and (body or method in {"PUT", "POST"}):
        lines.append(f"Content-Length: {len(body)}\r\n")
    head = f"{method} {target} HTTP/1.1\r\n{''.join(lines)}{_SENT_ALWAYS}"
    if head.count("\n") != len(lines) + _SENT_LINES or head.count("\r") != head.count("\n"):
        raise ValueError("a header has a line break in its name or value")
    return head.encode("latin-1")
