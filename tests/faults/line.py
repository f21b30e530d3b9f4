"""A line to a real server on which one fault happens, at a request of one's choice."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse

_PAGE = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
_LOGIN = b"<html><body>Please log in</body></html>"
_ERROR = b"<Error><Code>InternalError</Code><Message>late</Message></Error>"
_BUSY = b"<Error><Code>SlowDown</Code><Message>busy</Message></Error>"


@dataclass
class Answer:
    """A response of the real server, or one that is not."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    #: True if it answers a HEAD: then `body` is empty and the length is that of the object.
    to_head: bool = False

    def encode(self, length: int | None = None) -> bytes:
        kept = [(n, v) for n, v in self.headers if n.lower() not in _FRAMING or self.to_head]
        if not self.to_head and self.status != 204:
            kept.append(("Content-Length", str(len(self.body) if length is None else length)))
        lines = "".join(f"{name}: {value}\r\n" for name, value in kept)
        return f"HTTP/1.1 {self.status} X\r\n{lines}\r\n".encode("latin-1") + self.body


_FRAMING = {"content-length", "transfer-encoding", "connection"}


class Hangup(Exception):
    """The line hangs up."""


class Exchange:
    """One request on the line, and how it is answered."""

    def __init__(self, line: Line, client: socket.socket, method: str, request: bytes) -> None:
        self._line = line
        self._client = client
        self.method = method
        self._request = request

    def forward(self, request: bytes = b"") -> Answer:
        """Pass the request on, and return the server's answer."""
        connection = HTTPConnection(self._line.upstream, timeout=20)
        try:
            connection.connect()
            with suppress(OSError):  # the server may answer before it has read all
                connection.sock.sendall(request or self._request)
            response = HTTPResponse(connection.sock, method=self.method)
            response.begin()
            headers = [(n, v) for n, v in response.getheaders() if n.lower() != "connection"]
            body = response.read()
            return Answer(response.status, headers, body, self.method == "HEAD")
        finally:
            connection.close()

    def send(self, data: bytes) -> None:
        self._client.sendall(data)

    def reset(self) -> None:
        # Closing with a linger of zero sends a reset.
        self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Hangup

    def wait(self) -> None:
        """Wait until the client hangs up."""
        self._client.settimeout(20)
        with suppress(OSError):
            self._client.recv(1)
        raise Hangup

    def flip_request(self) -> bytes:
        """Return the request with one bit of its content changed, or of its path."""
        end = self._request.index(b"\r\n\r\n") + 4
        at = len(self._request) - 1 if len(self._request) > end else self._request.index(b" ") + 2
        flipped = bytes([self._request[at] ^ 1])
        return self._request[:at] + flipped + self._request[at + 1 :]


def _reset(exchange: Exchange) -> None:
    exchange.reset()


def _lose(exchange: Exchange) -> None:
    exchange.forward()
    exchange.reset()


def _hang_up(exchange: Exchange) -> None:
    exchange.forward()
    raise Hangup


def _stall(exchange: Exchange) -> None:
    exchange.wait()


def _drip(exchange: Exchange) -> None:
    data = exchange.forward().encode()
    for start in range(0, min(len(data), 400), 8):
        exchange.send(data[start : start + 8])
        time.sleep(0.001)
    exchange.send(data[400:])


def _cut_head(exchange: Exchange) -> None:
    exchange.send(exchange.forward().encode()[:40])
    raise Hangup


def _cut_body(exchange: Exchange) -> None:
    answer = exchange.forward()
    data = answer.encode()
    exchange.send(data[: len(data) - (len(answer.body) + 1) // 2])
    raise Hangup


def _flip_answer(exchange: Exchange) -> None:
    data = bytearray(exchange.forward().encode())
    data[-1] ^= 1
    exchange.send(bytes(data))
    raise Hangup


def _flip_request(exchange: Exchange) -> None:
    exchange.send(exchange.forward(exchange.flip_request()).encode())


def _truncate(exchange: Exchange) -> None:
    answer = exchange.forward()
    answer.body = answer.body[: len(answer.body) // 2]
    exchange.send(answer.encode())


def _announce_more(exchange: Exchange) -> None:
    answer = exchange.forward()
    exchange.send(answer.encode(len(answer.body) + 7))
    raise Hangup


def _announce_less(exchange: Exchange) -> None:
    answer = exchange.forward()
    exchange.send(answer.encode(max(0, len(answer.body) - 7)))


def _answer_twice(exchange: Exchange) -> None:
    exchange.send(exchange.forward().encode() * 2)


def _drop_afterwards(exchange: Exchange) -> None:
    exchange.send(exchange.forward().encode())
    raise Hangup


def _answer_with(
    status: int, body: bytes = b"", headers: tuple[tuple[str, str], ...] = ()
) -> Callable[[Exchange], None]:
    def answer(exchange: Exchange) -> None:
        told = Answer(status, list(headers), b"" if exchange.method == "HEAD" else body)
        exchange.send(told.encode())

    return answer


#: Each fault by its name: how the line treats a request.
FAULTS: dict[str, Callable[[Exchange], None]] = {
    "the connection is reset before the server sees it": _reset,
    "the answer is lost, reset": _lose,
    "the answer is lost, closed": _hang_up,
    "no answer comes": _stall,
    "the answer drips": _drip,
    "the answer's head is cut": _cut_head,
    "the answer's body is cut": _cut_body,
    "a bit of the answer flips": _flip_answer,
    "a bit of the request flips": _flip_request,
    "half of the document comes": _truncate,
    "a longer body is announced": _announce_more,
    "a shorter body is announced": _announce_less,
    "the answer comes twice": _answer_twice,
    "the connection is dropped afterwards": _drop_afterwards,
    "500": _answer_with(500, _ERROR),
    "502 with a page": _answer_with(502, _PAGE, (("Content-Type", "text/html"),)),
    "503 SlowDown": _answer_with(503, _BUSY),
    "429": _answer_with(429, _BUSY),
    "307 to elsewhere": _answer_with(307, b"", (("Location", "http://127.0.0.1:9/"),)),
    "403 without a reason": _answer_with(403),
    "404 without a reason": _answer_with(404),
    "200 with an error document": _answer_with(200, _ERROR),
    "200 with a login page": _answer_with(200, _LOGIN, (("Content-Type", "text/html"),)),
    "200 with nothing": _answer_with(200),
}


class Line:
    """A line to `upstream`. `arm` makes one request fail, or all from one on."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.requests: list[str] = []
        self._lock = threading.Lock()
        self._fault: Callable[[Exchange], None] | None = None
        self._at, self._always, self._seen = 0, False, 0

    def arm(self, fault: str, at: int = 1, *, always: bool = False) -> None:
        """From now on let the fault happen to request number `at`; with `always` to later ones."""
        self.arm_with(FAULTS[fault], at, always=always)

    def arm_with(
        self, fault: Callable[[Exchange], None], at: int = 1, *, always: bool = False
    ) -> None:
        with self._lock:
            self._fault, self._at, self._always, self._seen = fault, at, always, 0
            self.requests.clear()

    def disarm(self) -> None:
        with self._lock:
            self._fault = None

    @property
    def struck(self) -> bool:
        """True if the fault has happened."""
        return self._seen >= self._at

    def treat(self, client: socket.socket, head: bytes, request: bytes) -> None:
        """Answer one request. Raises Hangup to close the connection."""
        start = head.split(b"\r\n", 1)[0].decode("latin-1")
        method = start.partition(" ")[0]
        with self._lock:
            self._seen += 1
            self.requests.append(start)
            is_struck = self._seen == self._at or (self._always and self._seen > self._at)
            fault = self._fault if is_struck else None
        exchange = Exchange(self, client, method, request)
        if fault is None:
            exchange.send(exchange.forward().encode())
        else:
            fault(exchange)


class _Handler(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        with suppress(Hangup, OSError):
            while True:
                head, request = self._receive()
                if not head:
                    return
                self.server.line.treat(self.request, head, request)

    def _receive(self) -> tuple[bytes, bytes]:
        data = b""
        while b"\r\n\r\n" not in data:
            if not (more := self.request.recv(2**16)):
                return b"", b""
            data += more
        head = data[: data.index(b"\r\n\r\n") + 4]
        fields = (field.partition(b":") for field in head.split(b"\r\n"))
        lengths = [int(value) for name, _, value in fields if name.lower() == b"content-length"]
        end = len(head) + (lengths[0] if lengths else 0)
        pieces, size = [data], len(data)
        while size < end and (more := self.request.recv(2**18)):
            pieces.append(more)
            size += len(more)
        return head, b"".join(pieces)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    line: Line

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news."""


@contextmanager
def open_line(upstream: str) -> Iterator[tuple[Line, str]]:
    """Yield a line to a server, and its endpoint."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.line = Line(upstream)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.line, f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(30)
