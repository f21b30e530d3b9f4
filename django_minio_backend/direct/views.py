"""The views that the script calls. They take and return JSON.

| view | takes | returns |
|---|---|---|
| begin | token (of the page), name, size, type | ticket, url, and fields or signatures |
| resume | ticket | as `begin`, and the numbers of the parts that have arrived |
| finish | ticket | receipt, name, size |
| cancel | ticket | nothing |

An error is {"error": a sentence, "code": a word}.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.core.exceptions import ImproperlyConfigured, PermissionDenied, ValidationError
from django.core.signing import BadSignature, SignatureExpired
from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from django_minio_backend.direct import conf, tokens, uploads
from django_minio_backend.direct.middleware import find_user
from django_minio_backend.direct.targets import Target
from django_minio_backend.direct.uploads import Ticket
from django_minio_backend.errors import StorageError

logger = logging.getLogger("django_minio_backend.direct")

_LONGEST_NAME = 255
_MOST_BYTES = 2**63


def _answer(view: Callable[[HttpRequest, Any], Mapping[str, Any]]) -> Callable[..., JsonResponse]:
    """Return the view of a function of the request and its JSON."""

    @wraps(view)
    def serve(request: HttpRequest) -> JsonResponse:
        try:
            data = json.loads(request.body)
            if not isinstance(data, dict):
                raise ValueError("no object")
        except (ValueError, RecursionError):
            return _refuse(400, "bad_request", _("The request is no JSON object."))
        try:
            return JsonResponse(view(request, data))
        except SignatureExpired:
            return _refuse(403, "expired", _("The page is too old: load it again."))
        except BadSignature:
            return _refuse(403, "bad_token", _("The upload is not one of this page."))
        except PermissionDenied as error:
            return _refuse(403, "denied", str(error) or _("You may not upload files here."))
        except ValidationError as error:
            return _refuse(400, str(error.code), " ".join(error.messages))
        except (LookupError, ImproperlyConfigured) as error:
            # The page may be older than the present models and settings.
            logger.error("A direct upload failed: %s", error)
            return _refuse(400, "outdated", _("The page is too old: load it again."))
        except StorageError as error:
            logger.error("A direct upload failed: %s", error)
            return _refuse(503, "storage", _("The file server does not answer. Try again later."))

    return never_cache(require_POST(serve))


def _refuse(status: int, code: str, message: str) -> JsonResponse:
    return JsonResponse({"error": message, "code": code}, status=status)


@_answer
def begin(request: HttpRequest, data: Any) -> Mapping[str, Any]:
    page = tokens.load(tokens.FIELD, _read(data, "token"))
    target = Target.from_data(page["t"])
    _require_permission(request, page["u"], target)
    name, kind = _read_base_name(_read(data, "name")), _read(data, "type")
    size = data.get("size")
    if type(size) is not int or not 0 <= size < _MOST_BYTES:
        raise _make_bad_request()
    return uploads.begin(target, find_user(request), name, size, kind)


def _read(data: Any, name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str):
        raise _make_bad_request()
    return value


def _make_bad_request() -> ValidationError:
    message = _("The request lacks a value, or has a wrong one.")
    return ValidationError(message, code="bad_request")


def _read_base_name(name: str) -> str:
    """Return the last part of a name, as Django does it for a posted file. It may be cut."""
    base = name.replace("\\", "/").rpartition("/")[2].strip()
    if base in {"", ".", ".."} or not base.isprintable():
        raise ValidationError(_("The file has no name that can be stored."), code="bad_name")
    stem, dot, extension = base.rpartition(".")
    extension = dot + extension if stem else ""
    return (base[: len(base) - len(extension)])[: _LONGEST_NAME - len(extension)] + extension


@_answer
def resume(request: HttpRequest, data: Any) -> Mapping[str, Any]:
    return uploads.resume(_load_ticket(request, data))


@_answer
def finish(request: HttpRequest, data: Any) -> Mapping[str, Any]:
    return uploads.finish(_load_ticket(request, data))


@_answer
def cancel(request: HttpRequest, data: Any) -> Mapping[str, Any]:
    uploads.cancel(_load_ticket(request, data))
    return {}


def _load_ticket(request: HttpRequest, data: Any) -> Ticket:
    ticket = Ticket.from_token(_read(data, "ticket"))
    _require_permission(request, ticket.user, ticket.target)
    return ticket


def _require_permission(request: HttpRequest, user: str, target: Target) -> None:
    permission = conf.get_permission()
    if permission is not None and not permission(request, target):
        raise PermissionDenied
    if user != find_user(request):
        raise PermissionDenied(_("You are not logged in as before: log in, and load the page."))
