"""What stands between a client and a server: a TLS end, a path prefix, a line that garbles."""

from __future__ import annotations

import select
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    upstream = ""
    prefix = ""
    tls: ssl.SSLContext | None = None
    garbled: tuple[bytes, bytes] = (b"\0" * 99, b"")

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
        with socket.create_connection((host, int(port))) as upstream:
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
        connection = HTTPConnection(self.server.upstream)
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
            thread.join()


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
