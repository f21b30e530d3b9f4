"""What views and workers call: add a request, attach its file, make and read tokens."""

from __future__ import annotations

import mimetypes
from datetime import timedelta
from pathlib import PurePath
from typing import Any
from uuid import UUID

from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage
from django.core.signing import BadSignature
from django.db import DatabaseError, transaction
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.crypto import constant_time_compare

from django_minio_backend.bgfiles import contents as files
from django_minio_backend.bgfiles import leases
from django_minio_backend.bgfiles.leases import LeaseLost
from django_minio_backend.bgfiles.models import FileRequest, database_of, discard, logger
from django_minio_backend.bgfiles.tokens import (
    JSONSerializer,
    Signer,
    TokenSigner,
    default_signer,
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
        time_zone=getattr(timezone.get_current_timezone(), "key", ""),
    )


def attach_file(
    request: FileRequest,
    contents: Any,
    filename: str | None = None,
    content_type: str | None = None,
    size: int | None = None,
) -> None:
    """Store bytes, text or a File for a request, and make it done; a former file is deleted.

    `size`, in bytes, is found out where it is not given. Raises LeaseLost, and keeps nothing, when
    a worker has the request.
    """
    if isinstance(contents, bytes | bytearray | memoryview | str):
        contents = ContentFile(contents if isinstance(contents, str) else bytes(contents))
    if not hasattr(contents, "read"):
        raise TypeError(f"contents must be bytes, text or a file, not {type(contents).__name__}")
    storage = request.filehandle.storage
    name = files.new_name(request, filename or request.filename)
    try:
        name = storage.save(name, File(contents))
    except BaseException:
        discard(storage, name)  # what a file system may have of it
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
    """Make a stored file the request's, and the request done.

    It lives as long as a token that is made now. Raises LeaseLost. Where the row does not come to
    name the file, the file is deleted; a former one is when the transaction is committed.
    """
    former, storage = request.filehandle.name, request.filehandle.storage
    filename = filename or request.filename or PurePath(name).name
    kind = content_type or request.content_type or mimetypes.guess_type(filename)[0] or ""
    try:
        leases.finish(
            request,
            size=storage.size(name) if size is None else size,
            filehandle=name,
            filename=filename,
            content_type=kind,
            expires_at=_longest(request, signer),
        )
    except BaseException:
        _withdraw(request, storage, name)
        raise
    if former:
        transaction.on_commit(lambda: discard(storage, former), using=database_of(request))


def _withdraw(request: FileRequest, storage: Storage, name: str) -> None:
    """Delete a file, unless its row names it: a connection may break after the commit."""
    try:
        rows = FileRequest.objects.using(database_of(request))
        named = rows.filter(pk=request.pk, filehandle=name).exists()
    except DatabaseError:
        logger.error("File request %s: nobody knows whether it has %s", request.pk, name)
    else:
        if not named:
            discard(storage, name)


def create_token(
    request: FileRequest, data: dict[str, Any] | None = None, signer: TokenSigner | None = None
) -> str:
    """Return a token for the requester, and let the file live as long as the token.

    `data` is signed along with it. Raises RuntimeError when the request has no requester.
    """
    if request.requester_id is None:
        raise RuntimeError("a requester's token needs a request with a requester")
    return create_general_token(
        request, {**(data or {}), "requester": requester_pk(request)}, signer
    )


def create_general_token(
    request: FileRequest, data: dict[str, Any] | None = None, signer: TokenSigner | None = None
) -> str:
    """Return a token for whoever has it, and let the file live as long as the token."""
    signer = signer or default_signer()
    # The longest of its tokens counts, whoever made it.
    expires = expiry(signer)
    shorter = Q(expires_at=None) | Q(expires_at__lt=expires) if expires else Q()
    database = database_of(request)
    rows = FileRequest.objects.using(database).filter(shorter, pk=request.pk)
    rows.update(expires_at=expires)
    request.refresh_from_db(using=database, fields=["expires_at"])
    return sign(request, data, signer)


def _longest(request: FileRequest, signer: TokenSigner | None) -> Any:
    """Return until when the file lives: as long as its tokens, of which one is made now."""
    expires = expiry(signer)
    return expires and max(expires, request.expires_at or expires)


def requester_pk(request: FileRequest) -> int | str:
    """Return the requester's primary key as any serializer takes it."""
    pk = request.requester_id
    return pk if isinstance(pk, int) else str(pk)


def sign(
    request: FileRequest, data: dict[str, Any] | None = None, signer: TokenSigner | None = None
) -> str:
    """Return a token without a word about how long the file lives."""
    return (signer or default_signer()).dump({**(data or {}), "id": str(request.pk)})


def expiry(signer: TokenSigner | None) -> Any:
    """Return when a token that is made now ends: aware UTC, None for never."""
    max_age = (signer or default_signer()).max_age
    return timezone.now() + timedelta(seconds=max_age) if max_age else None


def decode(
    token: str, require_requester: bool = True, signer: TokenSigner | None = None
) -> tuple[FileRequest, dict[str, Any]]:
    """Return the request that a token names, and what was signed.

    Raises BadSignature for what is no token, and for a general one with `require_requester`;
    SignatureExpired, which is a BadSignature; FileRequest.DoesNotExist when the request is gone or
    its requester is not the token's any more.
    """
    data = (signer or default_signer()).load(token)
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
    """Say whether this is the requester's primary key; of nobody's request it is never."""
    if request.requester_id is None:
        return False
    return constant_time_compare(str(pk), str(request.requester_id))
