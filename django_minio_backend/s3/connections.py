"""The live objects of a process, one for each server: connections, and facts that it has learned.

After a fork the child starts without connections: a socket that two processes use mixes their
responses.
"""

from __future__ import annotations

import datetime
import os
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django_minio_backend.s3.failures import measure_clock_difference
from django_minio_backend.s3.pool import Pool, Requester, find_ca_certs
from django_minio_backend.s3.server import Endpoint, Server

if TYPE_CHECKING:
    import urllib3

# As many endpoints as a project's own client keeps after a fork: urllib3's default.
_POOLS = 10


@dataclass(frozen=True)
class LastResponse:
    """The last response of a server."""

    #: The time of its request by our clock, aware UTC.
    sent: datetime.datetime
    #: The time of its arrival by the monotonic clock, in seconds.
    arrived: float
    headers: Mapping[str, str]

    @property
    def clock_difference(self) -> datetime.timedelta | None:
        """How far the server's clock was ahead of ours. None if it does not tell its time."""
        return measure_clock_difference(self.headers.get("Date", ""), self.sent)


@dataclass
class ServerFacts:
    """The facts that a process has learned about a server from its responses."""

    last_response: LastResponse | None = None
    #: True if the server honours `If-None-Match: *`; None until it has been tested.
    refuses_taken_names: bool | None = None
    #: The buckets that are known to exist.
    buckets: set[str] = field(default_factory=set)


class LiveServer:
    """A process's connections to a server, and the facts about it.

    The facts belong to the endpoint, whatever time-outs or client a storage uses.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.host = server.endpoint.netloc
        self.facts = _facts.setdefault(server.endpoint, ServerFacts())
        self._forget_connections()

    def _forget_connections(self) -> None:
        self.pool = _make_pool(self.server)
        self._manager = self.server.http_client

    def start_afresh(self) -> None:
        """Forget the connections in a forked child. Its parent goes on with them."""
        self._forget_connections()
        if self._manager is not None:
            # Not clear(): another thread of the parent may have held the lock that it takes.
            self._manager.pools = type(self._manager.pools)(_POOLS)

    @property
    def manager(self) -> urllib3.PoolManager:
        """The project's own client. Without one, a client for the minio SDK. We do not use it."""
        if self._manager is None:
            with _lock:
                self._manager = self._manager or _make_manager(self.server)
        return self._manager


_lock = threading.Lock()
_facts: dict[Endpoint, ServerFacts] = {}
_live: weakref.WeakValueDictionary[Server, LiveServer] = weakref.WeakValueDictionary()
# Our own connections last as long as the process, a project's client as long as its storages.
_kept: list[LiveServer] = []


def find_live_server(server: Server) -> LiveServer:
    """Return the one live object of this process for a server."""
    with _lock:
        live = _live.get(server)
        if live is None:
            live = _live[server] = LiveServer(server)
            if server.http_client is None:
                _kept.append(live)
        return live


def _make_pool(server: Server) -> Requester:
    if server.http_client is None:
        return Pool(server)
    # It needs urllib3, which takes as long to import as all of this package.
    from django_minio_backend.s3.client_pool import ClientPool

    return ClientPool(server.http_client, server.endpoint.url)


def _make_manager(server: Server) -> urllib3.PoolManager:
    import urllib3

    return urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=server.connect_timeout, read=server.read_timeout),
        retries=urllib3.Retry(server.retries, redirect=False, respect_retry_after_header=False),
        cert_reqs="CERT_REQUIRED",
        ca_certs=find_ca_certs(server),
    )


def _start_afresh() -> None:
    global _lock
    _lock = threading.Lock()
    for live in list(_live.values()):
        live.start_afresh()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh)
