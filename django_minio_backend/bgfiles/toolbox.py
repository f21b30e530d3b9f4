"""The functions for views and workers: add a request, attach its file, make and read tokens."""

from __future__ import annotations

import mimetypes
from datetime import timedelta
from pathlib import PurePath
from typing import Any
from uuid import UUID

from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage
from django.core.signing import BadSignature
from django.db import DatabaseError, connections, transaction
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.crypto import constant_time_compare

from django_minio_backend.bgfiles import files, zones
from django_minio_backend.bgfiles.leases import LeaseLost
from django_minio_backend.bgfiles.models import FileRequest, discard, logger
from django_minio_backend.bgfiles.tokens import (
    JSONSerializer,
    Signer,
    TokenSigner,
    make_default_signer,
)

__all__ = [
    "JSONSerializer",
    "LeaseLost",
    "Signer",
    "add_request",
    "attach_file",
    "create_general_token",
    "create_token",
    "decode",
]


def add_request(
    criteria: str = "",
    file_type: str = "",
    requester: Any = None,
    content_type: str = "",
    filename: str = "",
) -> FileRequest:
    """Store a request, with the language and the time zone that are active now."""
    return FileRequest.objects.create(
        criteria=criteria,
        file_type=file_type,
        requester=requester,
        content_type=content_type,
        filename=filename,
        language=translation.get_language() or "",
        time_zone=zones.name_zone(timezone.get_current_timezone()),
    )


def attach_file(
    request: FileRequest,
    contents: Any,
    filename: str | None = None,
    content_type: str | None = None,
    size: int | None = None,
) -> None:
    """Store bytes, text or a File for a request, and set it to done. Delete its former file.

    `size` is in bytes. Without it the storage is asked. Raises LeaseLost, with nothing stored, if
    another worker holds the request.
    """
    if isinstance(contents, bytes | bytearray | memoryview | str):
        contents = ContentFile(contents if isinstance(contents, str) else bytes(contents))
    if not hasattr(contents, "read"):
        raise TypeError(f"contents must be bytes, text or a file, not {type(contents).__name__}")
    storage = request.filehandle.storage
    name = files.make_name(request, filename or request.filename)
    try:
        name = storage.save(name, File(contents))
    except BaseException:
        discard(storage, name)  # a file system may have a part of it
        raise
    adopt(request, name, size, filename, content_type)


def adopt(
    request: FileRequest,
    name: str,
    size: int | None = None,
    filename: str | None = None,
    content_type: str | None = None,
    signer: TokenSigner | None = None,
) -> None:
    """Set a request to done, with a stored file.

    The file lives as long as a token that is made now. Raises LeaseLost. If the row does not name
    the file in the end, the file is deleted. A former file is deleted after the commit.
    """
    former, storage = request.filehandle.name, request.filehandle.storage
    filename = filename or request.filename or PurePath(name).name
    kind = content_type or request.content_type or mimetypes.guess_type(filename)[0] or ""
    try:
        # The row must name the former file that we know, or nobody would delete that.
        request.finish(
            expected={"filehandle": former or ""},
            size=storage.size(name) if size is None else size,
            filehandle=name,
            filename=filename,
            content_type=kind,
            expires_at=_choose_expiry(request, signer),
        )
    except BaseException:
        _withdraw(request, storage, name)
        raise
    if former:
        transaction.on_commit(lambda: discard(storage, former), using=request.write_database)


def _withdraw(request: FileRequest, storage: Storage, name: str) -> None:
    """Delete a file unless its row names it: the connection may have broken after the commit."""
    database = request.write_database
    connections[database].close_if_unusable_or_obsolete()
    try:
        rows = FileRequest.objects.using(database)
        is_named = rows.filter(pk=request.pk, filehandle=name).exists()
    except DatabaseError:
        logger.error("File request %s: it is unknown whether its file is %s", request.pk, name)
    else:
        if not is_named:
            discard(storage, name)


def create_token(
    request: FileRequest, data: dict[str, Any] | None = None, signer: TokenSigner | None = None
) -> str:
    """Return a token for the requester, and let the file live as long as the token.

    `data` is signed too. Raises RuntimeError if the request has no requester.
    """
    if request.requester_id is None:
        raise RuntimeError("a requester's token needs a request with a requester")
    return create_general_token(
        request, {**(data or {}), "requester": serialize_requester(request)}, signer
    )


def create_general_token(
    request: FileRequest, data: dict[str, Any] | None = None, signer: TokenSigner | None = None
) -> str:
    """Return a token that anybody may use, and let the file live as long as the token."""
    signer = signer or make_default_signer()
    # The token that lives longest counts.
    expires = compute_expiry(signer)
    shorter = Q(expires_at=None) | Q(expires_at__lt=expires) if expires else Q()
    database = request.write_database
    rows = FileRequest.objects.using(database).filter(shorter, pk=request.pk)
    rows.update(expires_at=expires)
    request.refresh_from_db(using=database, fields=["expires_at"])
    return sign(request, data, signer)


def _choose_expiry(request: FileRequest, signer: TokenSigner | None) -> Any:
    """Return the time at which the file expires: not before any of its tokens."""
    expires = compute_expiry(signer)
    return expires and max(expires, request.expires_at or expires)


def serialize_requester(request: FileRequest) -> int | str:
    """Return the requester's primary key in a form that any serializer takes."""
    pk = request.requester_id
    return pk if isinstance(pk, int) else str(pk)


def sign(
    request: FileRequest, data: dict[str, Any] | None = None, signer: TokenSigner | None = None
) -> str:
    """Return a token. The life of the file stays as it is."""
    return (signer or make_default_signer()).dump({**(data or {}), "id": str(request.pk)})


def compute_expiry(signer: TokenSigner | None) -> Any:
    """Return the time at which a token that is made now expires: aware UTC, None for never."""
    max_age = (signer or make_default_signer()).max_age
    return timezone.now() + timedelta(seconds=max_age) if max_age else None


def decode(
    token: str, require_requester: bool = True, signer: TokenSigner | None = None
) -> tuple[FileRequest, dict[str, Any]]:
    """Return the request that a token names, and the signed data.

    Raises BadSignature if it is no token of ours, or a general one with `require_requester`;
    SignatureExpired, a subclass; FileRequest.DoesNotExist if the request is gone or has another
    requester by now.
    """
    data = (signer or make_default_signer()).load(token)
    if not isinstance(data, dict) or (require_requester and "requester" not in data):
        raise BadSignature("The token names no requester.")
    try:
        request = FileRequest.objects.get(pk=UUID(data["id"]))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise BadSignature("The token names no request.") from error
    if "requester" in data and not is_requester(request, data["requester"]):
        raise FileRequest.DoesNotExist
    return request, data


def is_requester(request: FileRequest, pk: object) -> bool:
    """Return True if this is the requester's primary key."""
    if request.requester_id is None:
        return False
    return constant_time_compare(str(pk), str(request.requester_id))
