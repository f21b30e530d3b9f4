"""Serving files against tokens, and telling how far they are."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import AsyncIterator, Generator
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.files.storage import Storage
from django.core.handlers.asgi import ASGIRequest
from django.core.signing import BadSignature, SignatureExpired
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from django_minio_backend import MinioBackend
from django_minio_backend.bgfiles import toolbox
from django_minio_backend.bgfiles.models import FileRequest, State, safe_filename
from django_minio_backend.bgfiles.patterns import registry
from django_minio_backend.bgfiles.tokens import TokenSigner
from django_minio_backend.ranges import Unsatisfiable, parse_range

logger = logging.getLogger("django_minio_backend.bgfiles")

# Seconds that the link works which a download is redirected to.
_LINK_EXPIRY = 60
_BLOCK = 256 * 1024
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(; *charset=[\w-]+)?", re.ASCII)


class SuspiciousToken(SuspiciousOperation):
    """The token was not made by us, or not for this."""


class SignatureHasExpired(PermissionDenied):
    """The token, or the file that it is for, has lived its time."""


class UserIsNotRequester(PermissionDenied):
    """The token is somebody else's."""


def evaluate_request(
    request: HttpRequest,
    token: str,
    require_requester: bool = True,
    verify_requester: bool = True,
    signer: TokenSigner | None = None,
) -> tuple[FileRequest, dict[str, Any]]:
    """Return the file request that may be served to this user, and what the token holds.

    Raises SuspiciousToken, SignatureHasExpired, UserIsNotRequester, or Http404 when the file
    request is gone; each is logged.
    """
    try:
        found, data = toolbox.decode(token, require_requester, signer)
    # What these say may quote the token: they are not chained.
    except SignatureExpired:
        raise _refused(SignatureHasExpired("The link has expired.")) from None
    except BadSignature:
        raise _refused(SuspiciousToken("The token is not valid.")) from None
    except FileRequest.DoesNotExist:
        raise _refused(Http404("There is no such file.")) from None
    if verify_requester and not _is_requester(request, found):
        raise _refused(UserIsNotRequester("The file is somebody else's."), found)
    if found.expires_at and found.expires_at <= timezone.now():
        raise _refused(SignatureHasExpired("The file has expired."), found)
    return found, data


def _refused(error: Exception, found: FileRequest | None = None) -> Exception:
    logger.warning("File request %s refused: %s", found.pk if found else "?", error)
    return error


def _is_requester(request: HttpRequest, found: FileRequest) -> bool:
    user = getattr(request, "user", None)
    return user is not None and user.is_authenticated and toolbox.is_requester(found, user.pk)


def serve_file(
    request: HttpRequest,
    token: str,
    require_requester: bool = True,
    verify_requester: bool = True,
    signer: TokenSigner | None = None,
) -> HttpResponseBase:
    """Answer with the file, or a redirect to it that works for a minute.

    `require_requester` wants a token that names the requester, `verify_requester` wants the user
    to be them. Raises what `evaluate_request` does. Answers 409 while the file is being made, and
    410 when that failed or the file is gone.
    """
    found, _ = evaluate_request(request, token, require_requester, verify_requester, signer)
    return _served(request, found)


@require_safe
def download(request: HttpRequest, token: str) -> HttpResponseBase:
    """Serve to the requester whom the token names, or to anybody when it names none."""
    return _served(request, _evaluate_own(request, token))


def _evaluate_own(request: HttpRequest, token: str) -> FileRequest:
    found, data = evaluate_request(request, token, False, False)
    if "requester" in data and not _is_requester(request, found):
        raise _refused(UserIsNotRequester("The file is somebody else's."), found)
    return found


def _served(request: HttpRequest, found: FileRequest) -> HttpResponseBase:
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
    return HttpResponse(f"{text}\n", content_type="text/plain", status=status, headers=headers)


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
    same = request.headers.get("If-Range", etag) == etag
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


@never_cache
@require_safe
def status(request: HttpRequest, pk: UUID | str = "", token: str | None = None) -> JsonResponse:
    """Answer {state, done, total, url} to the requester, or to who has a token; for polling.

    `url` is where the file is once it is done. Raises what `evaluate_request` does, and Http404
    for what is not this user's.
    """
    if token is not None:
        found = _evaluate_own(request, token)
    else:
        own = FileRequest.objects.filter(pk=pk).first()
        if own is None or not _is_requester(request, own):
            raise _refused(Http404("There is no such file."), own)
        found = own
    answer = {"state": found.state, "done": found.progress_done, "total": found.progress_total}
    if found.state == State.DONE and not (found.expires_at and found.expires_at <= timezone.now()):
        answer["url"] = registry.restore(found).get_download_url(found, token or _own_token(found))
    return JsonResponse(answer)


def _own_token(found: FileRequest) -> str:
    """Return a token that lets the file live no longer than it does."""
    signer = registry.restore(found).get_signer()
    return toolbox.sign(found, {"requester": found.requester_id}, signer)
