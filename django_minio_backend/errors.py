"""The exceptions of this package, and the table that chooses one for a response.

Wrong settings are `ConfigurationError`s. A server, or its absence, causes a `StorageError`, which
is an `OSError` as in Django's own storages. Its message has the fault, the place and the remedy.
Only a 404 for an object is a `FileNotFoundError`.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation


class ConfigurationError(ImproperlyConfigured):
    """A setting, an option or a keyword is missing, unknown or wrong."""


class PrivatePublicMixedError(ConfigurationError):
    """A bucket is declared both private and public."""


@dataclass(frozen=True)
class Location:
    """The storage, bucket and object of a request. A `StorageError`'s message ends with it."""

    alias: str
    bucket: str
    name: str = ""

    def at(self, name: str) -> Location:
        return Location(self.alias, self.bucket, name)

    def __str__(self) -> str:
        parts = [f"storage '{self.alias}'", f"bucket '{self.bucket}'"]
        if self.name:
            parts.append(f"object '{self.name}'")
        return ", ".join(parts)


class StorageError(OSError):
    """A request to the server failed.

    `where` names storage, bucket and object. `code` is S3's error code, "" without a response.
    `status` is the HTTP status, 0 without a response.
    """

    #: One sentence for people: the meaning of this error, and the remedy.
    advice = "The server refused the request; its log may say more."

    def __init__(
        self, message: str, *, where: Location | None = None, code: str = "", status: int = 0
    ) -> None:
        super().__init__(message)
        self.where = where
        self.code = code
        self.status = status
        #: True if the request was repeated, so that this may be the response to its second arrival.
        self.repeated = False


class ObjectNotFound(StorageError, FileNotFoundError):
    """The server says, with a 404, that there is no such object."""

    advice = "There is no such object."


class BucketNotFound(StorageError):
    """The bucket does not exist. This is no `FileNotFoundError`: the file may exist elsewhere."""

    advice = "The bucket does not exist: run 'manage.py initialize_buckets' or correct its name."


class ObjectExists(StorageError, FileExistsError):
    """An object of this name exists, and was not to be replaced."""

    advice = (
        "An object of this name exists already and was left as it is; "
        "replace_existing=True replaces."
    )


class ObjectChanged(StorageError):
    """The object was replaced or deleted while it was being read."""

    advice = "The object was replaced while it was being read: open it again."


class UploadNotFound(StorageError):
    """The server has no such unfinished upload in parts."""

    advice = (
        "There is no such upload in parts: it was finished or given up, or the server dropped it."
    )


class InvalidObjectName(StorageError, SuspiciousFileOperation):
    """The server allows no object of this name."""

    advice = (
        "The server allows no object of this name: MinIO's limit for each segment between "
        "slashes is 255 bytes, and some servers have no file where there is a folder."
    )


class BucketTaken(StorageError):
    """The bucket cannot be created because somebody else has one of this name."""

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
    """The request was signed for another region."""

    advice = "The server is in another region: correct MINIO_REGION."


class ClockSkew(StorageError):
    """The clocks of this machine and of the server differ by more than the server accepts."""

    advice = "This machine's clock and the server's are too far apart: synchronise them."


class Throttled(StorageError):
    """The server still asked to slow down after the configured retries."""

    advice = "The server is overloaded and asks to slow down: try again later."


class StorageFull(StorageError):
    """The server has no room, or the bucket's quota is used up."""

    advice = "The server has no room for the object, or the bucket's quota is used up."


class IntegrityError(StorageError):
    """The content was damaged in transit, and the server or this side discarded it."""

    advice = "The content was damaged on its way and was refused: try again."


class NotSupported(StorageError):
    """The server does not implement the operation."""

    advice = "The server does not implement this operation."


class ServerUnreachable(StorageError, ConnectionError):
    """There was no response: no connection, a broken one, or none in time."""

    advice = (
        "The server could not be reached: check that it runs, MINIO_ENDPOINT and "
        "MINIO_USE_HTTPS, and the time-outs."
    )


class ServerFault(StorageError):
    """The server failed by its own fault (5xx) after the configured retries."""

    advice = "The server failed: its log and health say why."


class UnexpectedAnswer(StorageError):
    """The response cannot be trusted: it is not S3's, is cut short, or contradicts itself."""

    advice = (
        "The answer is not what an S3 server sends: check MINIO_ENDPOINT (the console of MinIO has "
        "a port of its own) and MINIO_USE_HTTPS."
    )


class S3Failure(Exception):
    """An S3 error document as the server sent it. It is the cause of a `StorageError`."""

    def __init__(self, status: int, code: str, message: str, request_id: str) -> None:
        super().__init__(f"HTTP {status} {code}: {message} (request id {request_id or 'none'})")
        self.status = status
        self.code = code


# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and MinIO's additions.
_BY_CODE: dict[str, type[StorageError]] = {
    "NoSuchKey": ObjectNotFound,
    "NoSuchObject": ObjectNotFound,
    "NoSuchVersion": ObjectNotFound,
    "NoSuchUpload": UploadNotFound,
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


def choose_error_class(status: int, code: str) -> type[StorageError]:
    """Return the exception for a response. The code decides; without one the status does.

    A response without a code may have several meanings: see `s3.failures`.
    """
    if kind := _BY_CODE.get(code) or _BY_STATUS.get(status):
        return kind
    return ServerFault if status >= 500 else StorageError


def make_error(
    kind: type[StorageError],
    where: Location,
    *,
    detail: str = "",
    code: str = "",
    status: int = 0,
    hint: str = "",
) -> StorageError:
    """Return an error whose message has the fault, the remedy, the place and the response.

    `hint` says what to do in this case.
    """
    answered = f" [{detail}]" if detail else ""
    advice = f"{kind.advice} {hint}" if hint else kind.advice
    if kind is BucketNotFound and apps.ready and not apps.is_installed("django_minio_backend"):
        advice += " That command needs 'django_minio_backend' in INSTALLED_APPS."
    return kind(f"{advice} ({where}){answered}", where=where, code=code, status=status)
