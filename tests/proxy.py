"""What stands between a client and a server: a TLS end, a path prefix, a line that garbles."""

from __future__ import annotations

import re
import select
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    upstream = ""
    prefix = ""
    tls: ssl.SSLContext | None = None
    garbled: tuple[bytes, bytes] = (b"\0" * 99, b"")
    faults: list[Fault] = []
    requests: list[str] = []

    def get_request(self) -> tuple[socket.socket, object]:
        connection, address = super().get_request()
        # The handshake is for the thread of the connection, which a bad one must not stop.
        if self.tls is not None:
            connection = self.tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    def handle_error(self, request: object, client_address: object) -> None:
        pass


class _Forwarder(socketserver.BaseRequestHandler):
    """Passes bytes both ways until either end hangs up."""

    server: _Server

    def handle(self) -> None:
        host, _, port = self.server.upstream.partition(":")
        with socket.create_connection((host, int(port)), timeout=30) as upstream:
            ends = [self.request, upstream]
            while True:
                for end in select.select(ends, [], [], 5)[0]:
                    data = end.recv(2**16)
                    if not data:
                        return
                    if end is self.request:
                        upstream.sendall(data.replace(*self.server.garbled))
                    else:
                        self.request.sendall(data)


class _PrefixProxy(BaseHTTPRequestHandler):
    """Takes the prefix off the path, keeps the Host header, and passes the request on."""

    server: _Server

    def do_GET(self) -> None:
        prefix = self.server.prefix
        if not self.path.startswith(prefix + "/"):
            self.send_error(404)
            return
        connection = HTTPConnection(self.server.upstream, timeout=30)
        connection.request("GET", self.path.removeprefix(prefix), headers=dict(self.headers))
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@dataclass
class Fault:
    """What happens once to a request whose "METHOD path" matches.

    "garble": the last bit of its body arrives as another. "flip": the last bit of the answer is
    another. "lost": the server gets it, and its answer never arrives. "reset": the server does not
    get it. A number: the status of an answer that is not the server's. `then` is called after it.
    """

    request: str
    what: str | int
    then: Callable[[], object] = lambda: None
    code: str = "SlowDown"
    #: Whether it happens each time, and not once.
    repeats: bool = False


class _FaultyProxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        line = f"{self.command} {self.path}"
        self.server.requests.append(line)
        fault = next((f for f in self.server.faults if re.search(f.request, line)), None)
        if fault and not fault.repeats:
            self.server.faults.remove(fault)
        if fault and fault.what == "garble":
            body, fault = body[:-1] + bytes([body[-1] ^ 1]), None
        if fault is None or fault.what == "lost":
            answer = self._forward(body)
        if fault is None:
            self._send(*answer)
            return
        fault.then()
        if fault.what == "flip":
            status, headers, content = self._forward(body)
            self._send(status, headers, content[:-1] + bytes([content[-1] ^ 1]))
        elif isinstance(fault.what, int):
            # A page may read the status.
            headers = {"Access-Control-Allow-Origin": "*"}
            self._send(fault.what, headers, f"<Error><Code>{fault.code}</Code></Error>".encode())
        else:
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_OPTIONS = answer

    def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = HTTPConnection(self.server.upstream)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, dict(answer.headers), content

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        length = headers.get("Content-Length") or str(len(body))
        for name, value in {**headers, "Content-Length": length}.items():
            if name.lower() not in {"connection", "transfer-encoding"}:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def _serving(handler: type[socketserver.BaseRequestHandler], **attributes: object) -> Iterator[str]:
    with _Server(("127.0.0.1", 0), handler) as server:
        for name, value in attributes.items():
            setattr(server, name, value)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(60)


@contextmanager
def tls_end(upstream: str, tls: ssl.SSLContext) -> Iterator[str]:
    """Yield the endpoint of a TLS server that passes everything to `upstream`."""
    with suppress(ConnectionError), _serving(_Forwarder, upstream=upstream, tls=tls) as endpoint:
        yield endpoint


@contextmanager
def garbling_line(upstream: str, right: bytes, wrong: bytes) -> Iterator[str]:
    """Yield the endpoint of a line to `upstream` on which `right` arrives as `wrong`."""
    with _serving(_Forwarder, upstream=upstream, garbled=(right, wrong)) as endpoint:
        yield endpoint


@contextmanager
def prefix_proxy(upstream: str, prefix: str) -> Iterator[str]:
    """Yield the endpoint of a proxy that serves `upstream` below `prefix`."""
    with _serving(_PrefixProxy, upstream=upstream, prefix=prefix) as endpoint:
        yield endpoint


@contextmanager
def faulty_line(
    upstream: str, *faults: Fault, more: list[Fault] | None = None
) -> Iterator[tuple[str, list[str]]]:
    """Yield the endpoint of a line to `upstream` with these faults, and the requests on it.

    What is added to the list `more` happens from then on.
    """
    given = [] if more is None else more
    given += faults
    requests: list[str] = []
    with _serving(_FaultyProxy, upstream=upstream, faults=given, requests=requests) as endpoint:
        yield endpoint, requests
