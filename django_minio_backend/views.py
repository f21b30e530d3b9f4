"""The health view, and the view that leads to files of a DualReadStorage."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.core.signing import BadSignature
from django.http import Http404, HttpRequest, HttpResponseRedirect, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from django_minio_backend.s3 import health
from django_minio_backend.storage import dual
from django_minio_backend.storage.backend import list_storages


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Return 200 if every storage can be used, else 503. Staff see the details."""
    statuses = health.check_all({alias: storage.s3 for alias, storage in list_storages()})
    available = all(statuses.values())
    body: dict[str, object] = {"status": "ok" if available else "unavailable"}
    user = getattr(request, "user", None)
    if getattr(user, "is_active", False) and getattr(user, "is_staff", False):
        body["storages"] = {alias: status.as_dict() for alias, status in statuses.items()}
    return JsonResponse(body, status=200 if available else 503)


@require_safe
@never_cache
def dual_file(request: HttpRequest, token: str) -> HttpResponseRedirect:
    """Redirect to a file of a DualReadStorage: one or two requests to its storages."""
    try:
        return HttpResponseRedirect(dual.find_link(token))
    except BadSignature as error:
        raise PermissionDenied("The link is wrong, or older than a week.") from error
    except FileNotFoundError as error:
        raise Http404("There is no such file.") from error
