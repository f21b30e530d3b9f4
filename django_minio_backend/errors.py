"""What can go wrong, and how a server's answer becomes an exception.

Configuration mistakes are `ConfigurationError`s. Everything a server (or its absence) causes is a
`StorageError`, which is an `OSError` as Django's own storages raise; its message says what is
wrong, where, and what to do. Only a 404 for an object is a `FileNotFoundError`.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation


class ConfigurationError(ImproperlyConfigured):
    """A setting, an option or a keyword is missing, unknown or wrong."""


class PrivatePublicMixedError(ConfigurationError):
    """A bucket is declared both private and public."""


@dataclass(frozen=True)
class Where:
    """What a request was about; every message of a `StorageError` ends with it."""

    alias: str
    bucket: str
    name: str = ""

    def of(self, name: str) -> Where:
        return Where(self.alias, self.bucket, name)

    def __str__(self) -> str:
        parts = [f"storage '{self.alias}'", f"bucket '{self.bucket}'"]
        if self.name:
            parts.append(f"object '{self.name}'")
        return ", ".join(parts)


class StorageError(OSError):
    """A request to the server failed.

    `where` names storage, bucket and object; `code` is S3's error code ("" when there was no
    answer) and `status` the HTTP status (0 when there was no answer).
    """

    #: One sentence for people: what this kind of failure means and what to do about it.
    advice = "The server refused the request; its log may say more."

    def __init__(
        self, message: str, *, where: Where | None = None, code: str = "", status: int = 0
    ) -> None:
        super().__init__(message)
        self.where = where
        self.code = code
        self.status = status
        #: Whether the request was repeated, so that this may be the answer to its second arrival.
        self.repeated = False


class ObjectNotFound(StorageError, FileNotFoundError):
    """The server says, with a 404, that there is no such object."""

    advice = "There is no such object."


class BucketNotFound(StorageError):
    """The bucket is not there. Not a `FileNotFoundError`: a file may exist where it should be."""

    advice = "The bucket does not exist: run 'manage.py initialize_buckets' or correct its name."


class ObjectExists(StorageError, FileExistsError):
    """An object of this name is there already and was not to be replaced."""

    advice = (
        "An object of this name exists already and was left as it is; "
        "replace_existing=True replaces."
    )


class ObjectChanged(StorageError):
    """The object was replaced or deleted while it was being read."""

    advice = "The object was replaced while it was being read: open it again."


class InvalidObjectName(StorageError, SuspiciousFileOperation):
    """The server allows no object of this name."""

    advice = (
        "The server allows no object of this name: MinIO's limit for each segment between "
        "slashes is 255 bytes, and some servers have no file where there is a folder."
    )


class BucketTaken(StorageError):
    """A bucket cannot be created because somebody else has one of this name."""

    advice = "The bucket belongs to somebody else: choose another name."


class AccessDenied(StorageError, PermissionError):
    """The credentials are valid but do not allow this."""

    advice = "The credentials do not allow this: check the user's policy and the bucket's."


class InvalidCredentials(StorageError, PermissionError):
    """The server does not accept the access key, the secret key or the session token."""

    advice = (
        "The server does not accept the credentials: check MINIO_ACCESS_KEY, MINIO_SECRET_KEY "
        "and MINIO_SESSION_TOKEN, or what MINIO_CREDENTIALS gives."
    )


class WrongRegion(StorageError):
    """The request was signed for another region than the server's."""

    advice = "The server is in another region: correct MINIO_REGION."


class ClockSkew(StorageError):
    """This machine's clock and the server's differ by more than the server accepts."""

    advice = "This machine's clock and the server's are too far apart: synchronise them."


class Throttled(StorageError):
    """The server asked to slow down and went on to do so after the configured retries."""

    advice = "The server is overloaded and asks to slow down: try again later."


class StorageFull(StorageError):
    """The server has no room, or the bucket's quota is used up."""

    advice = "The server has no room for the object, or the bucket's quota is used up."


class IntegrityError(StorageError):
    """What arrived is not what was sent; the server (or this side) threw it away."""

    advice = "The content was damaged on its way and was not stored: try again."


class NotSupported(StorageError):
    """The server does not implement what was asked of it."""

    advice = "The server does not implement this operation."


class ServerUnreachable(StorageError, ConnectionError):
    """There was no answer: no connection, a broken one, or none in time."""

    advice = (
        "The server could not be reached: check that it runs, MINIO_ENDPOINT and "
        "MINIO_USE_HTTPS, and the time-outs."
    )


class ServerFault(StorageError):
    """The server answered with a fault of its own (5xx) after the configured retries."""

    advice = "The server failed: its log and health say why."


class UnexpectedAnswer(StorageError):
    """The answer cannot be trusted: not S3's, cut short, or contradicting itself."""

    advice = "The answer is not what an S3 server sends: check MINIO_ENDPOINT and MINIO_USE_HTTPS."


class S3Failure(Exception):
    """An S3 error document as the server sent it: the cause behind a `StorageError`."""

    def __init__(self, status: int, code: str, message: str, request_id: str) -> None:
        super().__init__(f"HTTP {status} {code}: {message} (request id {request_id or 'none'})")
        self.status = status
        self.code = code


# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and MinIO's additions.
_BY_CODE: dict[str, type[StorageError]] = {
    "NoSuchKey": ObjectNotFound,
    "NoSuchObject": ObjectNotFound,
    "NoSuchVersion": ObjectNotFound,
    "KeyTooLongError": InvalidObjectName,
    "ObjectParentIsFile": InvalidObjectName,
    "ExistingObjectIsDirectory": InvalidObjectName,
    "XMinioInvalidObjectName": InvalidObjectName,
    "MethodNotAllowed": NotSupported,
    "NotImplemented": NotSupported,
    "XMinioServerNotInitialized": ServerFault,
    "NoSuchBucket": BucketNotFound,
    "BucketAlreadyExists": BucketTaken,
    "AccessDenied": AccessDenied,
    "AllAccessDisabled": AccessDenied,
    "AccountProblem": AccessDenied,
    "Forbidden": AccessDenied,
    "InvalidAccessKeyId": InvalidCredentials,
    "SignatureDoesNotMatch": InvalidCredentials,
    "XAdminUserNotFound": InvalidCredentials,
    "InvalidToken": InvalidCredentials,
    "InvalidTokenId": InvalidCredentials,
    "ExpiredToken": InvalidCredentials,
    "XMinioInvalidAccessKeyId": InvalidCredentials,
    "AuthorizationHeaderMalformed": WrongRegion,
    "InvalidRegion": WrongRegion,
    "PermanentRedirect": WrongRegion,
    "TemporaryRedirect": WrongRegion,
    "RequestTimeTooSkewed": ClockSkew,
    "SlowDown": Throttled,
    "SlowDownRead": Throttled,
    "SlowDownWrite": Throttled,
    "TooManyRequests": Throttled,
    "XMinioStorageFull": StorageFull,
    "XMinioAdminBucketQuotaExceeded": StorageFull,
    "QuotaExceeded": StorageFull,
    "BadDigest": IntegrityError,
    "XAmzContentSHA256Mismatch": IntegrityError,
    "XAmzContentChecksumMismatch": IntegrityError,
    "PreconditionFailed": ObjectExists,
}
_BY_STATUS: dict[int, type[StorageError]] = {
    401: InvalidCredentials,
    403: AccessDenied,
    412: ObjectExists,
    429: Throttled,
    501: NotSupported,
    503: Throttled,
    507: StorageFull,
}


def error_class(status: int, code: str) -> type[StorageError]:
    """Return the exception that stands for an answer; the code decides, then the status.

    An answer without a code may mean more than one thing (see `transport`).
    """
    if found := _BY_CODE.get(code) or _BY_STATUS.get(status):
        return found
    return ServerFault if status >= 500 else StorageError


def build(
    kind: type[StorageError], where: Where, *, detail: str = "", code: str = "", status: int = 0
) -> StorageError:
    """Return a `kind` whose message says what is wrong, what to do, where and what was answered."""
    answered = f" [{detail}]" if detail else ""
    return kind(f"{kind.advice} ({where}){answered}", where=where, code=code, status=status)
