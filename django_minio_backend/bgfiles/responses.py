"""The response with a file: a redirect to it, or its bytes."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import AsyncIterator, Generator

from asgiref.sync import sync_to_async
from django.core.files.storage import Storage
from django.core.handlers.asgi import ASGIRequest
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.utils.http import content_disposition_header

from django_minio_backend import MinioBackend
from django_minio_backend.bgfiles.models import FileRequest, State, safe_filename
from django_minio_backend.ranges import Unsatisfiable, parse_range

logger = logging.getLogger("django_minio_backend.bgfiles")

# The seconds that the link of a redirect works.
_LINK_EXPIRY = 60
_BLOCK = 256 * 1024
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(; *charset=[\w-]+)?", re.ASCII)


def file_response(request: HttpRequest, file_request: FileRequest) -> HttpResponseBase:
    """Return the response with the file of a request that this user may have.

    Return 409 while the file is being made, and 410 if there is none.
    """
    if file_request.state in {State.QUEUED, State.RUNNING}:
        return _refuse(file_request, "The file is still being made.", 409)
    name, storage = file_request.filehandle.name, file_request.filehandle.storage
    if file_request.state != State.DONE or not name:
        return _refuse(file_request, "The file could not be made.", 410)
    response: HttpResponseBase | None
    if isinstance(storage, MinioBackend) and not storage.is_bucket_public:
        response = _redirect(request, file_request, storage)
    else:
        response = _stream(request, file_request, storage)
    if response is None:
        return _refuse(file_request, "The file is gone.", 410)
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _refuse(file_request: FileRequest, text: str, status: int) -> HttpResponse:
    logger.warning("File request %s refused: %s", file_request.pk, text)
    headers = {"Cache-Control": "no-store"}
    response = HttpResponse(f"{text}\n", content_type="text/plain", status=status, headers=headers)
    # Django would log the path, and with it the token, which works as soon as the file is made.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def _redirect(
    request: HttpRequest, file_request: FileRequest, storage: MinioBackend
) -> HttpResponse | None:
    if not storage.exists(file_request.filehandle.name or ""):
        return None
    link = storage.url(
        file_request.filehandle.name,
        {"response-content-type": _choose_content_type(file_request)},
        expires=_LINK_EXPIRY,
        method="HEAD" if request.method == "HEAD" else "GET",
        filename=safe_filename(file_request.filename),
    )
    return HttpResponseRedirect(link)


def _choose_content_type(file_request: FileRequest) -> str:
    is_valid = _MEDIA_TYPE.fullmatch(file_request.content_type)
    return file_request.content_type if is_valid else "application/octet-stream"


def _stream(
    request: HttpRequest, file_request: FileRequest, storage: Storage
) -> HttpResponseBase | None:
    name = file_request.filehandle.name or ""
    try:
        size = storage.size(name)
    except FileNotFoundError:
        return None
    # Each file has a name of its own, which must stay secret.
    etag = f'"{hashlib.sha256(name.encode()).hexdigest()[:32]}"'
    # RFC 9110, section 14.2: only a GET has ranges.
    is_same = request.method == "GET" and request.headers.get("If-Range", etag) == etag
    try:
        byte_range = parse_range(request.headers.get("Range", "") if is_same else "", size)
    except Unsatisfiable as error:
        return HttpResponse(status=416, headers={"Content-Range": str(error)})
    start, stop = byte_range or (0, size)
    # The file is opened when the body is read: a body that nobody reads leaves no file open.
    blocks = _read_blocks(storage, name, start, start if request.method == "HEAD" else stop)
    body = _async_blocks(blocks) if isinstance(request, ASGIRequest) else blocks
    response = StreamingHttpResponse(body, status=206 if byte_range else 200)
    response["Content-Type"] = _choose_content_type(file_request)
    # Always a download: a browser must not show a user's file as a page of the site.
    response["Content-Disposition"] = content_disposition_header(
        True, safe_filename(file_request.filename)
    )
    response["Content-Length"] = str(stop - start)
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = etag
    if byte_range:
        response["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        response["Content-Encoding"] = "identity"  # GZipMiddleware must not compress a part
    return response


def _read_blocks(
    storage: Storage, name: str, start: int, stop: int
) -> Generator[bytes, None, None]:
    if start == stop:
        return
    with storage.open(name) as file:
        file.seek(start)
        while start < stop and (block := file.read(min(_BLOCK, stop - start))):
            start += len(block)
            yield block


async def _async_blocks(blocks: Generator[bytes, None, None]) -> AsyncIterator[bytes]:
    """Yield blocks as they are read. ASGI would make a list of a plain iterator first."""
    read_next = sync_to_async(lambda: next(blocks, b""))
    try:
        while block := await read_next():
            yield block
    finally:
        await sync_to_async(blocks.close)()
