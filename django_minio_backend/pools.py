"""Connection pools: one per connection configuration and process, shared by all storages.

After a fork the child starts with none, since a socket that two processes use mixes their
answers.
"""

from __future__ import annotations

import os
import threading
import weakref
from dataclasses import dataclass

import certifi
import urllib3

from django_minio_backend.options import Options
from django_minio_backend.parsing import Endpoint
from django_minio_backend.wire import PoolManager

# As many endpoints as a project's own client keeps after a fork: urllib3's default.
_POOLS = 10
# Idle connections that are kept; more are opened when threads need them, and then closed.
_KEPT = 32
# Bytes that a body is read and sent in; urllib3's 16 KiB cost twice the CPU of these.
_BLOCK = 2**18
# What is safe to repeat: connecting always, a request when its method is idempotent (RFC 9110).
_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_TRANSIENT = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Connection:
    """What makes two connections interchangeable. Times are seconds."""

    endpoint: Endpoint
    ca_certs: str | None
    connect_timeout: float
    read_timeout: float
    retries: int

    @classmethod
    def of(cls, options: Options) -> Connection:
        return cls(
            options.endpoint,
            options.ca_certs,
            options.connect_timeout,
            options.read_timeout,
            options.retries,
        )


_managers: dict[Connection, urllib3.PoolManager] = {}
_pools: dict[Connection, urllib3.HTTPConnectionPool] = {}
_own_clients: weakref.WeakSet[urllib3.PoolManager] = weakref.WeakSet()
_lock = threading.Lock()


def manager(connection: Connection, own_client: urllib3.PoolManager | None) -> urllib3.PoolManager:
    """Return the shared pool manager of a configuration, or the project's own client as it is."""
    if own_client is not None:
        _own_clients.add(own_client)
        return own_client
    try:
        return _managers[connection]
    except KeyError:
        with _lock:
            return _managers.setdefault(connection, _new_manager(connection))


def http_pool(
    connection: Connection, own_client: urllib3.PoolManager | None
) -> urllib3.HTTPConnectionPool:
    """Return the pool of connections to the endpoint itself."""
    if own_client is None and connection in _pools:
        return _pools[connection]
    at = connection.endpoint
    pool = manager(connection, own_client).connection_from_host(at.host, at.port, at.scheme)
    # A manager of ours has this one pool and never lets go of it, so it need not be asked again.
    return pool if own_client is not None else _pools.setdefault(connection, pool)


def _new_manager(connection: Connection) -> urllib3.PoolManager:
    return PoolManager(
        maxsize=_KEPT,
        blocksize=_BLOCK,
        timeout=urllib3.Timeout(connect=connection.connect_timeout, read=connection.read_timeout),
        retries=urllib3.Retry(
            total=connection.retries,
            redirect=False,
            status_forcelist=_TRANSIENT,
            allowed_methods=_REPEATABLE,
            backoff_factor=0.1,
            raise_on_status=False,
            # MinIO asks for a minute when it is busy: too long to hold a web request for.
            respect_retry_after_header=False,
        ),
        cert_reqs="CERT_REQUIRED",
        ca_certs=connection.ca_certs or os.environ.get("SSL_CERT_FILE") or certifi.where(),
    )


def _start_afresh() -> None:
    global _lock
    _lock = threading.Lock()
    _managers.clear()
    _pools.clear()
    for client in list(_own_clients):
        # Not clear(): another thread of the parent may have held the lock that it takes.
        client.pools = type(client.pools)(_POOLS)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh)
