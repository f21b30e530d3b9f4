"""Responses and exceptions that mean a failure, turned into a `StorageError`."""

from __future__ import annotations

import datetime
import errno
import os
import xml.etree.ElementTree as ET
from contextlib import suppress
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from django_minio_backend import errors
from django_minio_backend.errors import Location, StorageError
from django_minio_backend.s3 import quirks
from django_minio_backend.s3.actions import name_action
from django_minio_backend.s3.http import HTTPFault, Response, TooLong
from django_minio_backend.s3.xml import strip_namespace

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (RequestTimeTooSkewed)
_TOLERATED_SKEW = datetime.timedelta(minutes=15)

# An error document has a few hundred bytes. A longer one is none.
_MAX_ERROR_BYTES = 64 * 1024


def is_from_s3(response: Response) -> bool:
    """Return True if a response without a document has a header that only S3 servers send."""
    return any(name.lower().startswith("x-amz-") for name in response.headers)


def utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def make_unexpected(location: Location, detail: str) -> StorageError:
    """Return the error for a response that no S3 server sends."""
    return errors.make_error(errors.UnexpectedAnswer, location, detail=detail, status=200)


def make_late_failure(response: Response, location: Location, code: str) -> StorageError:
    """Return the error for a failure that the document of a 200 reports."""
    kind = errors.choose_error_class(500, code)
    failure = errors.make_error(kind, location, detail=code, code=code)
    failure.repeated = response.repeated
    return failure


def make_failure(fault: HTTPFault, location: Location) -> StorageError:
    """Return the error for a response that did not come, or not whole. Chain the fault to it."""
    kind: type[StorageError] = errors.ServerUnreachable
    if isinstance(fault, TooLong):
        kind = errors.UnexpectedAnswer
    elif fault.status is not None:
        kind = errors.choose_error_class(fault.status, "")
    return errors.make_error(kind, location, detail=_describe(fault))


def read_failure(response: Response, where: Location, method: str, query: str) -> StorageError:
    """Return the exception for a response of 300 or above. Its cause is S3's error document."""
    cause = _read_document(response)
    kind = _choose_kind(response, cause.code, where, method)
    if quirks.is_full(str(cause)):
        kind = errors.StorageFull
    built = errors.make_error(
        kind,
        where,
        detail=str(cause),
        code=cause.code,
        status=response.status,
        hint=_choose_hint(kind, str(cause), name_action(method, bool(where.name), query)),
    )
    built.repeated = response.repeated
    built.__cause__ = cause
    return built


def _choose_hint(kind: type[StorageError], message: str, action: str) -> str:
    if "HTTPS server" in message or "HTTPS port" in message:
        return "The server speaks HTTPS here: set MINIO_USE_HTTPS to True."
    if "KMS" in message:
        return "sse=SseS3() needs a key on the server, such as MINIO_KMS_SECRET_KEY of MinIO."
    if kind is not errors.AccessDenied:
        return ""
    hint = f"It needs {action}."
    if action == "s3:GetObject":
        hint += " A key that may not s3:ListBucket is told so of a missing object too."
    return hint


def _choose_kind(response: Response, code: str, where: Location, method: str) -> type[StorageError]:
    status = response.status
    if not code:
        if status == 403 and _clocks_differ(response):
            return errors.ClockSkew
        # The response to a HEAD has no document. The client finds out the meaning of a bare 404.
        if status == 404 and method == "HEAD":
            return errors.ObjectNotFound if where.name else errors.BucketNotFound
        # S3 always gives a reason here.
        if status < 400 or status in {404, 405} or (status == 400 and method != "HEAD"):
            return errors.UnexpectedAnswer
    return errors.choose_error_class(status, code)


def _clocks_differ(response: Response) -> bool:
    """Return True if the clocks differ by more than S3 tolerates."""
    ahead = measure_clock_difference(response.headers.get("Date", ""), utc_now())
    return ahead is not None and abs(ahead) > _TOLERATED_SKEW


def measure_clock_difference(date: str, now: datetime.datetime) -> datetime.timedelta | None:
    try:
        server_time = parsedate_to_datetime(date)
    except ValueError:
        return None
    return server_time - now if server_time.tzinfo is not None else None


def _read_document(response: Response) -> errors.S3Failure:
    """Return the reasons that a response gives. Close a connection with more to read."""
    document = bytes(response.data[:_MAX_ERROR_BYTES] or response.read(_MAX_ERROR_BYTES))
    response.close()
    headers, fields = response.headers, _read_fields(document)
    message = fields.get("Message") or headers.get("x-minio-error-desc", "").strip('"')
    if 300 <= response.status < 400:
        at = urlsplit(headers.get("Location", ""))
        message = message or f"it redirects to {at.scheme}://{at.netloc}"
    if not fields and not message:
        message = document[:200].decode(errors="replace")
    return errors.S3Failure(
        response.status,
        fields.get("Code") or headers.get("x-minio-error-code", ""),
        message,
        fields.get("RequestId") or headers.get("x-amz-request-id", ""),
    )


def _read_fields(document: bytes) -> dict[str, str]:
    if document.lstrip().startswith(b"<"):
        with suppress(ET.ParseError):
            root = ET.fromstring(document)
            if strip_namespace(root) == "Error":
                return {strip_namespace(child): child.text or "" for child in root}
    return {}


def _describe(fault: HTTPFault) -> str:
    text = str(fault)
    if "WRONG_VERSION_NUMBER" in text:
        return f"{text}; the server speaks plain HTTP here: set MINIO_USE_HTTPS to False"
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return f"{text}; for a private certificate authority set MINIO_CA_CERTS"
    if os.strerror(errno.EMFILE) in text:
        return f"{text}; use fewer threads, or raise this process's limit (ulimit -n)"
    return text
