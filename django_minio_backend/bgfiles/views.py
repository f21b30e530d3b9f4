"""Who may have which file, and how far it is."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.signing import BadSignature, SignatureExpired
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from django_minio_backend.bgfiles import toolbox
from django_minio_backend.bgfiles.models import FileRequest, State
from django_minio_backend.bgfiles.patterns import registry
from django_minio_backend.bgfiles.serving import served
from django_minio_backend.bgfiles.tokens import TokenSigner

logger = logging.getLogger("django_minio_backend.bgfiles")


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
    return served(request, found)


@require_safe
def download(request: HttpRequest, token: str) -> HttpResponseBase:
    """Serve to the requester whom the token names, or to anybody when it names none."""
    return served(request, _evaluate_own(request, token))


def _evaluate_own(request: HttpRequest, token: str) -> FileRequest:
    signer = registry.signer_of(token)
    found, data = evaluate_request(request, token, False, False, signer)
    if "requester" in data and not _is_requester(request, found):
        raise _refused(UserIsNotRequester("The file is somebody else's."), found)
    return found


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
    return toolbox.sign(found, {"requester": toolbox.requester_pk(found)}, signer)
