"""A server that answers with given bytes: responses that no HTTP library would write."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from django_minio_backend.s3.server import Endpoint, Server


class RawServer:
    """Each connection has a list of answers, one for each of its requests; then it is closed.

    None hangs up instead of answering. `requests` are the heads and bodies that came, a list for
    each connection.
    """

    def __init__(self, listener: socket.socket, connections: Sequence[Sequence[bytes | None]]):
        self._listener = listener
        self._connections = connections
        self.requests: list[list[bytes]] = []
        #: Set when the first connection was closed.
        self.hung_up = threading.Event()

    def make_server(self, *, read_timeout: float = 20, retries: int = 0) -> Server:
        host, port = self._listener.getsockname()
        return Server(Endpoint(False, host, port), read_timeout=read_timeout, retries=retries)

    def serve(self) -> None:
        with suppress(OSError):
            for answers in self._connections:
                connection, _ = self._listener.accept()
                seen: list[bytes] = []
                self.requests.append(seen)
                arguments = (connection, answers, seen)
                threading.Thread(target=self._serve_one, args=arguments, daemon=True).start()

    def _serve_one(
        self, connection: socket.socket, answers: Sequence[bytes | None], seen: list[bytes]
    ) -> None:
        with suppress(OSError), connection:
            connection.settimeout(20)
            self._answer(connection, answers, seen)
        self.hung_up.set()

    def _answer(
        self, connection: socket.socket, answers: Sequence[bytes | None], seen: list[bytes]
    ) -> None:
        for answer in answers:
            request = b""
            while b"\r\n\r\n" not in request:
                if not (more := connection.recv(2**16)):
                    return
                request += more
            length = re.search(rb"\r\nContent-Length: (\d+)", request)
            end = request.index(b"\r\n\r\n") + 4 + int(length[1] if length else 0)
            while len(request) < end and (more := connection.recv(2**16)):
                request += more
            seen.append(request)
            if answer is None:
                return
            connection.sendall(answer)


@contextmanager
def raw_server(*connections: Sequence[bytes | None]) -> Iterator[RawServer]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = RawServer(listener, connections)
        thread = threading.Thread(target=server.serve, daemon=True)
        thread.start()
        yield server
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        thread.join(30)
