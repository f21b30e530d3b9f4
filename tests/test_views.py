from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import resolve, reverse

from django_minio_backend import views
from tests.conftest import Buckets
from tests.hostile import closed_port

STAFF = SimpleNamespace(is_active=True, is_staff=True)


def ask(method: str = "get", user: Any = None) -> HttpResponse:
    request = getattr(RequestFactory(), method)("/healthz/")
    if user is not None:
        request.user = user
    return views.healthz(request)


def test_anonymous_callers_learn_whether_and_nothing_else(buckets: Buckets) -> None:
    answer = ask()
    assert (answer.status_code, json.loads(answer.content)) == (200, {"status": "ok"})
    assert "no-store" in answer.headers["Cache-Control"]
    with closed_port() as endpoint:
        buckets.change(MINIO_ENDPOINT=endpoint)
        for user in (None, SimpleNamespace(is_active=True, is_staff=False)):
            answer = ask(user=user)
            assert json.loads(answer.content) == {"status": "unavailable"}
            assert answer.status_code == 503


def test_staff_learn_more(buckets: Buckets) -> None:
    told = json.loads(ask(user=STAFF).content)["storages"]["default"]
    assert told["server"] == "MinIO"
    assert buckets.options["MINIO_SECRET_KEY"] not in str(told)


def test_the_view_is_read_only(buckets: Buckets) -> None:
    assert ask("post").status_code == 405
    assert ask("head").status_code == 200


def test_its_urls_can_be_included(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.test_views"
    assert reverse("django_minio_backend:healthz") == "/healthz/"
    assert resolve("/healthz/").func is views.healthz


def _patterns() -> list[Any]:
    from django.urls import include, path

    return [path("healthz/", include("django_minio_backend.urls"))]


urlpatterns = _patterns()
