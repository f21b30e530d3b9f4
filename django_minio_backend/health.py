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
    """Ask where the bucket is: any S3 server answers that, and its refusal says why.

    A bucket that is missing, or that the credentials may not see, is no outage.
    """
    try:
        client.location(timeout=urllib3.Timeout(total=timeout), retries=False)
    except (errors.BucketNotFound, errors.AccessDenied) as error:
        return MinioServerStatus(True, f"MinIO is available at {options.endpoint.url}. {error}")
    except errors.StorageError as error:
        return MinioServerStatus(
            False, f"MinIO is NOT available at {options.endpoint.url}. {error}"
        )
    return MinioServerStatus(True, f"MinIO is available at {options.endpoint.url}.")
