"""The request that is being served: forms are not told whose they are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

_request: ContextVar[HttpRequest | None] = ContextVar("direct_uploads_request", default=None)


@sync_and_async_middleware
def remember_request(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Let `find_user` know the request. It belongs after the middleware of sessions and users."""
    if iscoroutinefunction(get_response):

        async def serve_async(request: HttpRequest) -> HttpResponseBase:
            token = _request.set(request)
            try:
                response: Awaitable[HttpResponseBase] = get_response(request)
                return await response
            finally:
                _request.reset(token)

        return serve_async

    def serve(request: HttpRequest) -> HttpResponseBase:
        token = _request.set(request)
        try:
            response: HttpResponseBase = get_response(request)
            return response
        finally:
            _request.reset(token)

    return serve


def find_user(request: HttpRequest | None = None) -> str:
    """Return the key of the user of a request, by default of the current one; "" for nobody."""
    user = getattr(request or _request.get(), "user", None)
    return "" if user is None or not user.is_authenticated else str(user.pk)
