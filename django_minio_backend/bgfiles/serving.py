"""The answer that is a file: a redirect to where it is, or its bytes."""

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

# Seconds that the link works which a download is redirected to.
_LINK_EXPIRY = 60
_BLOCK = 256 * 1024
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(; *charset=[\w-]+)?", re.ASCII)


def served(request: HttpRequest, found: FileRequest) -> HttpResponseBase:
    """Answer with the file of a request that this user may have; 409 or 410 without one."""
    if found.state in {State.QUEUED, State.RUNNING}:
        return _told(found, "The file is still being made.", 409)
    name, storage = found.filehandle.name, found.filehandle.storage
    if found.state != State.DONE or not name:
        return _told(found, "The file could not be made.", 410)
    answer: HttpResponseBase | None
    if isinstance(storage, MinioBackend) and not storage.is_bucket_public:
        answer = _redirected(request, found, storage)
    else:
        answer = _streamed(request, found, storage)
    if answer is None:
        return _told(found, "The file is gone.", 410)
    answer["Cache-Control"] = "private, no-store"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def _told(found: FileRequest, text: str, status: int) -> HttpResponse:
    logger.warning("File request %s refused: %s", found.pk, text)
    headers = {"Cache-Control": "no-store"}
    answer = HttpResponse(f"{text}\n", content_type="text/plain", status=status, headers=headers)
    # Django would log its path, and the token with it, which works as soon as there is a file.
    answer._has_been_logged = True  # type: ignore[attr-defined]
    return answer


def _redirected(
    request: HttpRequest, found: FileRequest, storage: MinioBackend
) -> HttpResponse | None:
    if not storage.exists(found.filehandle.name or ""):
        return None
    link = storage.url(
        found.filehandle.name,
        {"response-content-type": _content_type(found)},
        expires=_LINK_EXPIRY,
        method="HEAD" if request.method == "HEAD" else "GET",
        filename=safe_filename(found.filename),
    )
    return HttpResponseRedirect(link)


def _content_type(found: FileRequest) -> str:
    named = _MEDIA_TYPE.fullmatch(found.content_type)
    return found.content_type if named else "application/octet-stream"


def _streamed(
    request: HttpRequest, found: FileRequest, storage: Storage
) -> HttpResponseBase | None:
    name = found.filehandle.name or ""
    try:
        size = storage.size(name)
    except FileNotFoundError:
        return None
    # Each file has a name of its own, which nobody is to know.
    etag = f'"{hashlib.sha256(name.encode()).hexdigest()[:32]}"'
    # RFC 9110, section 14.2: only a GET has ranges.
    same = request.method == "GET" and request.headers.get("If-Range", etag) == etag
    try:
        wanted = parse_range(request.headers.get("Range", "") if same else "", size)
    except Unsatisfiable as error:
        return HttpResponse(status=416, headers={"Content-Range": str(error)})
    start, stop = wanted or (0, size)
    # A body that is never read must not leave a file open: it is opened when it is read.
    blocks = _blocks(storage, name, start, start if request.method == "HEAD" else stop)
    body = _awaited(blocks) if isinstance(request, ASGIRequest) else blocks
    response = StreamingHttpResponse(body, status=206 if wanted else 200)
    response["Content-Type"] = _content_type(found)
    # Always a download: the browser is not to make a page of what somebody named.
    response["Content-Disposition"] = content_disposition_header(
        True, safe_filename(found.filename)
    )
    response["Content-Length"] = str(stop - start)
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = etag
    if wanted:
        response["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        response["Content-Encoding"] = "identity"  # or GZipMiddleware would compress a part
    return response


def _blocks(storage: Storage, name: str, start: int, stop: int) -> Generator[bytes, None, None]:
    if start == stop:
        return
    with storage.open(name) as file:
        file.seek(start)
        while start < stop and (block := file.read(min(_BLOCK, stop - start))):
            start += len(block)
            yield block


async def _awaited(blocks: Generator[bytes, None, None]) -> AsyncIterator[bytes]:
    """Yield blocks as they are read: of a plain iterator ASGI would first make a list."""
    following = sync_to_async(lambda: next(blocks, b""))
    try:
        while block := await following():
            yield block
    finally:
        await sync_to_async(blocks.close)()
