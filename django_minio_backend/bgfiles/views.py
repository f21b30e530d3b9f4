"""The views: they decide who may have a file, and report the progress."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.signing import BadSignature, SignatureExpired
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.shortcuts import resolve_url
from django.urls import is_valid_path
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from django_minio_backend.bgfiles import toolbox
from django_minio_backend.bgfiles.models import FileRequest, State
from django_minio_backend.bgfiles.patterns import registry
from django_minio_backend.bgfiles.responses import file_response
from django_minio_backend.bgfiles.tokens import TokenSigner

logger = logging.getLogger("django_minio_backend.bgfiles")


class SuspiciousToken(SuspiciousOperation):
    """The token is not one of ours, or not one for this request."""


class SignatureHasExpired(PermissionDenied):
    """The token or its file has expired."""


class UserIsNotRequester(PermissionDenied):
    """The token belongs to another user."""


def evaluate_request(
    request: HttpRequest,
    token: str,
    require_requester: bool = True,
    verify_requester: bool = True,
    signer: TokenSigner | None = None,
) -> tuple[FileRequest, dict[str, Any]]:
    """Return the file request that this user may have, and the token's data.

    Raises SuspiciousToken, SignatureHasExpired, UserIsNotRequester, or Http404 if the request is
    gone. Each is logged.
    """
    try:
        file_request, data = toolbox.decode(token, require_requester, signer)
    # The messages of these may quote the token, so they are not chained.
    except SignatureExpired:
        raise _log_refusal(SignatureHasExpired("The link has expired.")) from None
    except BadSignature:
        raise _log_refusal(SuspiciousToken("The token is not valid.")) from None
    except FileRequest.DoesNotExist:
        raise _log_refusal(Http404("There is no such file.")) from None
    if verify_requester and not _is_requester(request, file_request):
        raise _log_refusal(UserIsNotRequester("The file is somebody else's."), file_request)
    if _has_expired(file_request):
        raise _log_refusal(SignatureHasExpired("The file has expired."), file_request)
    return file_request, data


def _log_refusal(error: Exception, file_request: FileRequest | None = None) -> Exception:
    logger.warning("File request %s refused: %s", file_request.pk if file_request else "?", error)
    return error


def _is_requester(request: HttpRequest, file_request: FileRequest) -> bool:
    return _is_logged_in(request) and toolbox.is_requester(file_request, request.user.pk)


def _is_logged_in(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    return user is not None and user.is_authenticated


def serve_file(
    request: HttpRequest,
    token: str,
    require_requester: bool = True,
    verify_requester: bool = True,
    signer: TokenSigner | None = None,
) -> HttpResponseBase:
    """Return the file, or a redirect to it that works for a minute.

    With `require_requester` the token must name the requester. With `verify_requester` the user
    must be the requester. Raises the errors of `evaluate_request`. Returns 409 while the file is
    being made, and 410 if that failed or the file is gone.
    """
    file_request, _ = evaluate_request(request, token, require_requester, verify_requester, signer)
    return file_response(request, file_request)


@require_safe
def download(request: HttpRequest, token: str) -> HttpResponseBase:
    """Serve the file to the requester whom the token names, or to anybody if it names none.

    A user who is not logged in goes to LOGIN_URL first, and comes back.
    """
    try:
        return file_response(request, _evaluate_own(request, token))
    except UserIsNotRequester:
        if _is_logged_in(request) or not _has_login():
            raise
        return redirect_to_login(request.get_full_path())


def _has_login() -> bool:
    """Return True if LOGIN_URL is a page. A project may have none."""
    address = urlsplit(resolve_url(settings.LOGIN_URL))
    return bool(address.netloc or is_valid_path(address.path))


def _evaluate_own(request: HttpRequest, token: str) -> FileRequest:
    signer = registry.find_signer(token)
    file_request, data = evaluate_request(request, token, False, False, signer)
    if "requester" in data and not _is_requester(request, file_request):
        raise _log_refusal(UserIsNotRequester("The file is somebody else's."), file_request)
    return file_request


@never_cache
@require_safe
def status(request: HttpRequest, pk: UUID | str = "", token: str | None = None) -> JsonResponse:
    """Return {state, done, total, url} for polling, to the requester or with a token.

    `url` is the address of the file, and is there when the state is done. Raises the errors of
    `evaluate_request`, and Http404 for another user's request.
    """
    if token is not None:
        file_request = _evaluate_own(request, token)
    else:
        found_request = FileRequest.objects.filter(pk=pk).first()
        if found_request is None or not _is_requester(request, found_request):
            raise _log_refusal(Http404("There is no such file."), found_request)
        file_request = found_request
    progress: dict[str, object] = {
        "state": file_request.state,
        "done": file_request.progress_done,
        "total": file_request.progress_total,
    }
    if file_request.state == State.DONE and not _has_expired(file_request):
        token = token or _make_own_token(file_request)
        url = registry.restore(file_request).get_download_url(file_request, token)
        progress["url"] = _drop_host(url)
    return JsonResponse(progress)


def _has_expired(file_request: FileRequest) -> bool:
    return file_request.expires_at is not None and file_request.expires_at <= timezone.now()


def _drop_host(url: str) -> str:
    """Return a link without its host, which only e-mails need, if this site has such a page."""
    address = urlsplit(url)
    if not is_valid_path(address.path):
        return url
    return f"{address.path}?{address.query}" if address.query else address.path


def _make_own_token(file_request: FileRequest) -> str:
    """Return a token that does not prolong the life of the file."""
    signer = registry.restore(file_request).get_signer()
    return toolbox.sign(
        file_request, {"requester": toolbox.serialize_requester(file_request)}, signer
    )
