"""A server that answers as it is told to: what no well-behaved server can be made to say."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from django_minio_backend import MinioBackend


class Answer:
    """One answer. `cut` sends only so many bytes of the body and hangs up."""

    def __init__(
        self,
        status: int,
        body: str = "",
        headers: dict[str, str] | None = None,
        cut: int | None = None,
    ) -> None:
        self.status = status
        self.body = body.encode()
        self.headers = headers or {}
        self.cut = cut


def listing(
    entries: str = "", *, bucket: str = "some-bucket", prefix: str = "", more: str = ""
) -> Answer:
    """Return a page of a listing; `more` is what leads to the next one."""
    goes_on = str(bool(more)).lower()
    return Answer(
        200,
        f"<ListBucketResult><Name>{bucket}</Name><Prefix>{prefix}</Prefix>"
        f"<IsTruncated>{goes_on}</IsTruncated>{more}{entries}</ListBucketResult>",
    )


def s3_error(status: int, code: str, message: str = "as told") -> Answer:
    return Answer(status, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>")


class Hostile(socketserver.ThreadingTCPServer):
    """Gives its answers in turn, the last one again and again; `requests` are those it saw."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[str] = []
        self.bodies: list[bytes] = []
        self.calls_itself = "MinIO"
        self.clock_ahead = 0.0  # seconds
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what tests are about."""

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def next_answer(self, line: str) -> Answer:
        self.requests.append(line)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hostile

    def answer(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        told = self.server.next_answer(f"{self.command} {self.path}")
        self.send_response(told.status)
        for name, value in {"Content-Length": str(len(told.body)), **told.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(told.body[: told.cut])
        self.close_connection = told.cut is not None

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_OPTIONS = answer

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string((timestamp or time.time()) + self.server.clock_ahead)

    def version_string(self) -> str:
        return self.server.calls_itself

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def hostile(*answers: Answer) -> Iterator[Hostile]:
    with Hostile(*answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(60)


@contextmanager
def closed_port() -> Iterator[str]:
    # Bound but not listening: nobody else can take it, and connecting is refused.
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def storage_at(endpoint: str, **keywords: Any) -> MinioBackend:
    """Return a storage on such a server, which repeats nothing unless it is told to."""
    return MinioBackend(
        "some-bucket",
        MINIO_ENDPOINT=endpoint,
        MINIO_ACCESS_KEY="the-key",
        MINIO_SECRET_KEY="the-secret",
        **{"MINIO_RETRIES": 0, **keywords},
    )
