"""The differences between S3 servers, all in one place.

| difference | here |
|---|---|
| some servers check the content of an upload against its signed hash | `CHECKING_SERVERS` |
| old servers ignore `If-None-Match: *` and overwrite | `Client.learn` |
| the response to a HEAD has no document, so a refusal has no reason | `is_unexplained` |
| each server has its own code for "this bucket has no such configuration" | `is_absent` |
| MinIO and Amazon S3 may answer 200 and report a failure in the document | `is_late_failure` |
| MinIO takes an unsigned checksum in a request by a link | `takes_unsigned_checksums` |
| MinIO lists the headers of objects if it is asked to | `may_list_metadata` |
| MinIO lists unfinished uploads by a whole key, or all of the bucket | `lists_uploads_by_prefix` |
| MinIO reports a disk that is full on one drive as an internal error | `is_full` |
| deleting a missing object is an error on some servers | `MISSING_OBJECT_CODES` |

A name of a server decides only if no request can find out. The codes that mean the same everywhere
are in `errors`.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

from django_minio_backend.errors import StorageError
from django_minio_backend.s3.xml import strip_namespace

#: Servers that have always refused content with another SHA-256 than the signed one, and have
#: always accepted signed chunks. The names are those of the `Server` header, in lower case.
CHECKING_SERVERS = frozenset({"minio", "versitygw", "amazons3"})
#: The codes of a missing object in the response to a request that deletes many.
MISSING_OBJECT_CODES = frozenset({"NoSuchKey", "NoSuchVersion"})
#: The code for creating a bucket that exists and is ours.
OWN_BUCKET_CODE = "BucketAlreadyOwnedByYou"
_ABSENT_CODES = frozenset(
    {
        "NoSuchBucketPolicy",
        "NoSuchLifecycleConfiguration",
        "NoSuchCORSConfiguration",
        "NoSuchTagSet",
        "NoSuchTagSetError",
        "ObjectLockConfigurationNotFoundError",
        "NoSuchObjectLockConfiguration",
    }
)
_UNEXPLAINED_STATUSES = frozenset({400, 403, 404})


def checks_content(server_name: str) -> bool:
    """Return True if a server of this name checks content and accepts signed chunks."""
    return server_name.lower() in CHECKING_SERVERS


def takes_unsigned_checksums(server_name: str) -> bool:
    """Return True if a request by a link may have a checksum that the link does not sign."""
    return server_name.lower() == "minio"


def may_list_metadata(server_name: str) -> bool:
    """Return True if a server of this name lists metadata, or has not told its name yet."""
    return server_name.lower() in {"", "minio"}


def lists_uploads_by_prefix(server_name: str) -> bool:
    """Return True if a server of this name lists the unfinished uploads below any prefix."""
    return server_name.lower() != "minio"


def is_unexplained(error: StorageError) -> bool:
    """Return True if a refusal has no reason: the key, the bucket or the object may be wrong."""
    return not error.code and error.status in _UNEXPLAINED_STATUSES


def is_full(message: str) -> bool:
    """Return True if the reason of a failure is a full disk, whatever its code is."""
    return "no space left on device" in message


def is_absent(error: StorageError) -> bool:
    """Return True if the bucket has no configuration of this kind."""
    return error.code in _ABSENT_CODES


def is_late_failure(root: ET.Element) -> bool:
    """Return True if the document of a 200 reports a failure that came after the status."""
    return strip_namespace(root) == "Error"
