"""A health view, in words only for staff, and one that finds files that are being moved."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.core.signing import BadSignature
from django.http import Http404, HttpRequest, HttpResponseRedirect, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from django_minio_backend import dual, health
from django_minio_backend.storage import configured


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when every storage can be used, 503 when one cannot; details for staff."""
    found = health.check_all(dict(configured()))
    available = all(found.values())
    answer: dict[str, object] = {"status": "ok" if available else "unavailable"}
    user = getattr(request, "user", None)
    if getattr(user, "is_active", False) and getattr(user, "is_staff", False):
        answer["storages"] = {alias: status.as_dict() for alias, status in found.items()}
    return JsonResponse(answer, status=200 if available else 503)


@require_safe
@never_cache
def dual_file(request: HttpRequest, token: str) -> HttpResponseRedirect:
    """Lead to where a DualReadStorage's file is by now; one or two requests to its storages."""
    try:
        return HttpResponseRedirect(dual.link_of(token))
    except BadSignature as error:
        raise PermissionDenied("The link is wrong, or older than a week.") from error
    except FileNotFoundError as error:
        raise Http404("There is no such file.") from error
