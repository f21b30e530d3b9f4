"""A check, in bounded time, that a server answers and can be used."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

from django_minio_backend import errors
from django_minio_backend.errors import ConfigurationError, StorageError
from django_minio_backend.parallel import map_parallel
from django_minio_backend.s3.client import Client
from django_minio_backend.s3.http import HTTPFault

#: The seconds that a check may take.
TIMEOUT = 3.0
# The errors of a server that knows the credentials.
_KNOWN = (errors.BucketNotFound, errors.AccessDenied)


@dataclass(frozen=True, repr=False)
class MinioServerStatus:
    """True if the server answers and accepts the credentials. `details` says it in words.

    Unknown values are None: `latency` in milliseconds; `clock_difference` in seconds, positive if
    the server's clock is ahead; `bucket_present`. `server` is the server's name for itself, such as
    "MinIO", or "".
    """

    is_available: bool = False
    details: str = ""
    reachable: bool = False
    authenticated: bool = False
    bucket_present: bool | None = None
    latency: float | None = None
    clock_difference: float | None = None
    server: str = ""
    #: True if the server is starting or stopping: it answers 503, or another fault of its own.
    starting: bool = False
    #: The HTTP status of the response, None without one.
    status: int | None = None
    #: True if enough nodes of a cluster are up to save files. None if the server does not say.
    write_quorum: bool | None = None

    @property
    def is_up(self) -> bool:
        """True if the server has started."""
        return self.reachable and not self.starting

    def __bool__(self) -> bool:
        return self.is_available

    # Version 4's names, for views and tests. Its constructor took an HTTP response or None.

    def __post_init__(self) -> None:
        if not isinstance(self.is_available, bool):
            status = getattr(self.is_available, "status", None)
            object.__setattr__(self, "status", status)
            object.__setattr__(self, "is_available", status == 403)

    def __repr__(self) -> str:
        return f"MinIO is {'' if self.is_available else 'NOT '}available"

    @property
    def data(self) -> str:
        return self.details

    def add_message(self, text: str) -> None:
        object.__setattr__(self, "details", "\n".join(filter(None, [self.details, text])))

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def check(client: Client, timeout: float = TIMEOUT) -> MinioServerStatus:
    """Ask any S3 server one question that shows whether it can be used.

    A bucket that is missing, or that the credentials may not list, is no outage. The check takes up
    to `timeout` seconds and repeats nothing.
    """
    name = f"The S3 server at {client.server.endpoint.url}"
    try:
        return _run_within(timeout, lambda: _ask(client, name, timeout))
    except TimeoutError:
        text = f"{name} is NOT available. It does not answer within {timeout:g} s."
        return MinioServerStatus(False, text)


def _run_within(seconds: float, work: Callable[[], MinioServerStatus]) -> MinioServerStatus:
    """Return the result of `work`. Raises TimeoutError after so many seconds.

    The time-outs of a socket do not end a response that arrives byte by byte. Its thread goes on
    alone.
    """
    result: Future[MinioServerStatus] = Future()

    def run() -> None:
        try:
            result.set_result(work())
        except BaseException as error:
            result.set_exception(error)

    try:
        threading.Thread(target=run, name="health", daemon=True).start()
    except RuntimeError:  # the interpreter is ending
        run()
    return result.result(seconds)


def _ask(client: Client, name: str, timeout: float) -> MinioServerStatus:
    began = time.monotonic()
    failure: StorageError | None = None
    limits: dict[str, Any] = {"timeout": timeout, "retries": 0}
    try:
        client.bucket.probe(**limits)
    except StorageError as error:
        failure = error
    except ConfigurationError as error:
        # MINIO_CREDENTIALS is imported when it is first used.
        return MinioServerStatus(False, str(error))
    latency = round((time.monotonic() - began) * 1000, 1)
    quorum = None if failure else client.transport.has_write_quorum(**limits)
    if isinstance(failure, errors.ServerUnreachable):
        if _timed_out(failure):
            raise TimeoutError from failure
        return MinioServerStatus(False, f"{name} is NOT available. {failure}")
    # Without an S3 code the response came from another server or a proxy.
    authenticated = failure is None or (isinstance(failure, _KNOWN) and failure.code != "")
    sentence = "is available." if authenticated else "answers, but cannot be used."
    if quorum is False:
        sentence += " Its cluster has no write quorum: files can be read and not saved."
    ahead = client.transport.clock_difference
    return MinioServerStatus(
        authenticated,
        f"{name} {sentence} {failure or ''}".rstrip(),
        reachable=True,
        authenticated=authenticated,
        bucket_present=_is_bucket_present(failure),
        latency=latency,
        clock_difference=None if ahead is None else round(ahead.total_seconds(), 1),
        server=client.transport.server_name,
        starting=isinstance(failure, errors.ServerFault | errors.Throttled),
        status=failure.status if failure else 200,
        write_quorum=quorum,
    )


def _timed_out(failure: StorageError) -> bool:
    """Return True if the socket ended the wait, a moment before `_run_within` would have."""
    return isinstance(failure.__cause__, HTTPFault) and failure.__cause__.timed_out


def _is_bucket_present(failure: StorageError | None) -> bool | None:
    if failure is None:
        return True
    return False if isinstance(failure, errors.BucketNotFound) and failure.code else None


def check_all(
    clients: Mapping[str, Client], timeout: float = TIMEOUT
) -> dict[str, MinioServerStatus]:
    """Check several storages at once, in the time of one. Return the statuses in their order."""
    statuses = map_parallel(partial(check, timeout=timeout), list(clients.values()), len(clients))
    return dict(zip(clients, statuses, strict=True))
