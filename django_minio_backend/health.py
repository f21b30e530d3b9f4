"""Whether a storage's server is there and can be used, found out in bounded time."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import urllib3

from django_minio_backend import errors
from django_minio_backend.client import Client
from django_minio_backend.errors import ConfigurationError, StorageError
from django_minio_backend.options import Options

#: Seconds that a check may take.
TIMEOUT = 3.0
# What a server that knows who is asking may answer.
_KNOWN = (errors.BucketNotFound, errors.AccessDenied)


@dataclass(frozen=True)
class MinioServerStatus:
    """True when the server answers and accepts the credentials; `details` says it in words.

    What could not be found out is None: `latency` in milliseconds, `clock_difference` in seconds,
    above 0 where the server's clock is ahead, and `bucket_present`. `server` is what the server
    calls itself, such as "MinIO", and "" where it does not say.
    """

    is_available: bool
    details: str
    reachable: bool = False
    authenticated: bool = False
    bucket_present: bool | None = None
    latency: float | None = None
    clock_difference: float | None = None
    server: str = ""
    #: Whether it answers that it cannot answer yet, or no more.
    starting: bool = False

    @property
    def is_up(self) -> bool:
        """Whether the server has started: it answers, and not that it is not there yet."""
        return self.reachable and not self.starting

    def __bool__(self) -> bool:
        return self.is_available

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def check(client: Client, options: Options, timeout: float = TIMEOUT) -> MinioServerStatus:
    """Ask any S3 server one question that shows whether it can be used.

    A bucket that is missing, or that the credentials may not list, is no outage. Takes `timeout`
    seconds at most; nothing is repeated.
    """
    began = time.monotonic()
    failure: StorageError | None = None
    try:
        client.probe(timeout=urllib3.Timeout(total=timeout), retries=False)
    except StorageError as error:
        failure = error
    except ConfigurationError as error:
        # What MINIO_CREDENTIALS names is looked for when it is first used.
        return MinioServerStatus(False, str(error))
    latency = round((time.monotonic() - began) * 1000, 1)
    name = f"The S3 server at {options.endpoint.url}"
    if isinstance(failure, errors.ServerUnreachable):
        return MinioServerStatus(False, f"{name} is NOT available. {failure}")
    # Without S3's code it was some other server, or a proxy, that said so.
    authenticated = failure is None or (isinstance(failure, _KNOWN) and failure.code != "")
    said = "is available." if authenticated else "answers, but cannot be used."
    ahead = client.transport.clock_difference
    return MinioServerStatus(
        authenticated,
        f"{name} {said} {failure or ''}".rstrip(),
        reachable=True,
        authenticated=authenticated,
        bucket_present=_bucket_present(failure),
        latency=latency,
        clock_difference=None if ahead is None else round(ahead.total_seconds(), 1),
        server=client.transport.server,
        starting=isinstance(failure, errors.ServerFault | errors.Throttled),
    )


def _bucket_present(failure: StorageError | None) -> bool | None:
    if failure is None:
        return True
    return False if isinstance(failure, errors.BucketNotFound) and failure.code else None


class Source(Protocol):
    """As much of a storage as is asked."""

    @property
    def s3(self) -> Client: ...
    @property
    def options(self) -> Options: ...


def check_all(
    sources: Mapping[str, Source], timeout: float = TIMEOUT
) -> dict[str, MinioServerStatus]:
    """Check several storages at once, in the time of one; by their aliases, in their order."""
    with ThreadPoolExecutor(max(1, len(sources)), thread_name_prefix="health") as threads:
        states = threads.map(lambda one: check(one.s3, one.options, timeout), sources.values())
        return dict(zip(sources, states, strict=True))
