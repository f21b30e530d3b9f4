from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse

from django_minio_backend.direct.middleware import find_user, remember_request


def make_request(pk: int, *, logged_in: bool = True) -> HttpRequest:
    request: Any = HttpRequest()
    request.user = SimpleNamespace(pk=pk, is_authenticated=logged_in)
    return request  # type: ignore[no-any-return]


def test_the_user_is_known_while_a_request_is_served() -> None:
    seen: list[str] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(find_user())
        return HttpResponse()

    serve: Any = remember_request(view)
    serve(make_request(3))
    serve(make_request(4, logged_in=False))
    serve(HttpRequest())
    assert seen == ["3", "", ""]
    assert find_user() == ""


def test_it_is_known_in_async_views_too() -> None:
    seen: list[str] = []

    async def view(request: HttpRequest) -> HttpResponse:
        seen.append(find_user())
        return HttpResponse()

    serve: Any = remember_request(view)
    async_to_sync(serve)(make_request(5))
    assert (seen, find_user()) == (["5"], "")


def test_a_view_that_fails_leaves_no_user() -> None:
    def view(request: HttpRequest) -> HttpResponse:
        raise RuntimeError

    serve: Any = remember_request(view)
    with pytest.raises(RuntimeError):
        serve(make_request(6))
    assert find_user() == ""
