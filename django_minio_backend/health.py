"""Whether a storage's server is there and takes its credentials, found out in bounded time."""

from __future__ import annotations

from dataclasses import dataclass

import urllib3

from django_minio_backend import errors
from django_minio_backend.client import Client
from django_minio_backend.options import Options

#: Seconds that a check may take.
TIMEOUT = 3.0


@dataclass(frozen=True)
class MinioServerStatus:
    """True when the server answers and accepts the credentials; `details` says it in words."""

    is_available: bool
    details: str

    def __bool__(self) -> bool:
        return self.is_available


def check(client: Client, options: Options, timeout: float = TIMEOUT) -> MinioServerStatus:
    """Ask any S3 server one question that shows whether it can be used.

    A bucket that is missing, or that the credentials may not list, is no outage.
    """
    at = options.endpoint.url
    reason = ""
    try:
        client.probe(timeout=urllib3.Timeout(total=timeout), retries=False)
    except errors.StorageError as error:
        # Without S3's code it was some other server, or a proxy, that said so.
        harmless = isinstance(error, errors.BucketNotFound | errors.AccessDenied) and error.code
        if isinstance(error, errors.ServerUnreachable):
            return MinioServerStatus(False, f"MinIO is NOT available at {at}. {error}")
        if not harmless:
            return MinioServerStatus(False, f"MinIO answers at {at} but cannot be used. {error}")
        reason = f" {error}"
    return MinioServerStatus(True, f"MinIO is available at {at}.{reason}")
