"""A health view: whether the storages can be used, in words only for staff."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from django_minio_backend import health
from django_minio_backend.storage import configured


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when every storage can be used, 503 when one cannot; details for staff."""
    found = health.check_all({a: (s.s3, s.options) for a, s in configured()})
    available = all(found.values())
    answer: dict[str, object] = {"status": "ok" if available else "unavailable"}
    user = getattr(request, "user", None)
    if getattr(user, "is_active", False) and getattr(user, "is_staff", False):
        answer["storages"] = {alias: status.as_dict() for alias, status in found.items()}
    return JsonResponse(answer, status=200 if available else 503)
