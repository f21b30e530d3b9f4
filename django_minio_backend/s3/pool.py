"""The connections of a process to one server, and requests that are repeated after a fault."""

from __future__ import annotations

import os
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property, partial

import certifi

from django_minio_backend.s3.http import (
    Connection,
    HTTPFault,
    NotConnected,
    Request,
    Response,
    TooLong,
)
from django_minio_backend.s3.payloads import Body, Content
from django_minio_backend.s3.server import Server

# Idle connections that are kept. Threads may open more, which are closed after use.
_KEPT = 32
# The statuses of a fault that passes.
_TRANSIENT = frozenset({429, 500, 502, 503, 504})
# The methods that are safe to repeat (RFC 9110, idempotent).
_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_BACKOFF = 0.1


class Requester(ABC):
    """Sends requests to a server: over our own connections, or by a project's client."""

    def request(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: Body = b"",
        *,
        stream: bool = False,
        repeat: bool = False,
        conflicts: bool = False,
        timeout: float | None = None,
        retries: int | None = None,
    ) -> Response:
        """Return the response to a request, whatever its status is.

        Without `stream` its body has been read. `repeat` allows to repeat a POST. `conflicts` says
        that a 409 is a race of two writers, and allows to repeat the request then. `timeout` is
        seconds. `timeout` and `retries` replace the server's. Raises HTTPFault without a response.
        """
        request = Request(
            method, target, headers, body, stream, repeat, conflicts, timeout, retries
        )
        return self._send(request)

    @abstractmethod
    def _send(self, request: Request) -> Response: ...


class Pool(Requester):
    """Our own connections to a server. Threads may share it.

    MinIO asks for a minute if it is busy. A web request cannot wait so long, so the pauses between
    repetitions are our own.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._idle: list[Connection] = []

    def _send(self, request: Request) -> Response:
        left = self._server.retries if request.retries is None else request.retries
        may_repeat = request.repeat or request.conflicts or request.method in _REPEATABLE
        tries, lost = 0, False
        while True:
            tries += 1
            try:
                response = self._exchange(request)
            except TooLong:
                raise
            except HTTPFault as fault:
                is_sent = not isinstance(fault, NotConnected)
                lost = lost or is_sent
                if tries > left or (is_sent and not may_repeat):
                    raise
            else:
                is_transient = response.status in _TRANSIENT
                is_transient = is_transient or (request.conflicts and response.status == 409)
                if not is_transient or not may_repeat or tries > left:
                    response.repeated, response.lost = tries > 1, lost
                    return response
                response.close()
            if tries > 1:
                time.sleep(_BACKOFF * 2 ** (tries - 1))
            if not isinstance(request.body, Content):
                request.body.seek(0)

    def _exchange(self, request: Request) -> Response:
        connection = self._take(request.timeout)
        response = connection.exchange(request, partial(self._keep, connection))
        if not request.stream:
            response.read_all()
        return response

    def _take(self, timeout: float | None) -> Connection:
        """Return an idle connection, or a new one. Other threads take others."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            if not connection.is_dropped:
                return connection
            connection.close()
        server = self._server
        return Connection(
            server.endpoint.host,
            server.endpoint.port,
            self._tls,
            timeout or server.connect_timeout,
            server.read_timeout,
        )

    def _keep(self, connection: Connection) -> None:
        if len(self._idle) < _KEPT:
            self._idle.append(connection)
        else:
            connection.close()

    @cached_property
    def _tls(self) -> ssl.SSLContext | None:
        if not self._server.endpoint.secure:
            return None
        from urllib3.util import create_urllib3_context

        context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
        context.check_hostname = True
        context.load_verify_locations(find_ca_certs(self._server))
        return context


def find_ca_certs(server: Server) -> str:
    """Return the file of the certificate authorities that a server's certificate is checked by."""
    return server.ca_certs or os.environ.get("SSL_CERT_FILE") or certifi.where()
