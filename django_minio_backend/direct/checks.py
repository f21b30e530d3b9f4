"""System checks: each message has one factory and one id, which is never given to another."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import urllib3
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags
from django.core.exceptions import ImproperlyConfigured
from django.urls import NoReverseMatch, reverse

from django_minio_backend import MinioBackend
from django_minio_backend.direct import conf
from django_minio_backend.direct.cleaning import list_direct_fields
from django_minio_backend.direct.files import find_place, make_pending_name
from django_minio_backend.errors import ConfigurationError

MIDDLEWARE = "django_minio_backend.direct.middleware.remember_request"
_USERS = "django.contrib.auth.middleware.AuthenticationMiddleware"

no_middleware = partial(checks.Error, id="direct_uploads.E001")
foreign_storage = partial(checks.Warning, id="direct_uploads.W002")
wrong_setting = partial(checks.Error, id="direct_uploads.E003")
no_urls = partial(checks.Error, id="direct_uploads.E004")
refused_origin = partial(checks.Warning, id="direct_uploads.W001")


#: The tag of the checks that ask the server: `manage.py check --tag minio`.
NETWORK = "minio"
_PATIENCE = 5.0  # seconds


def register_all() -> None:
    checks.register(check_middleware, Tags.security)
    checks.register(check_fields, Tags.models, deploy=True)
    checks.register(check_settings, Tags.files)
    checks.register(check_urls, Tags.urls)
    checks.register(check_origins, NETWORK)


def check_middleware(**keywords: Any) -> list[CheckMessage]:
    """Check that forms can tell whose upload they get."""
    middleware = list(settings.MIDDLEWARE)
    if MIDDLEWARE in middleware and (
        _USERS not in middleware or middleware.index(_USERS) < middleware.index(MIDDLEWARE)
    ):
        return []
    return [
        no_middleware(
            "Forms with direct uploads cannot tell the user: no upload of a user is accepted.",
            hint=f"Add '{MIDDLEWARE}' to MIDDLEWARE, after '{_USERS}'.",
        )
    ]


def check_fields(**keywords: Any) -> list[CheckMessage]:
    """Check that the storage of each DirectFileField takes uploads; `check --deploy`."""
    messages: list[CheckMessage] = []
    for field in list_direct_fields():
        try:
            field.target.find_storage()
        except (ImproperlyConfigured, ConfigurationError) as error:
            hint = "Its files go through Django. Give the field a MinioBackend."
            messages.append(foreign_storage(str(error), obj=field, hint=hint))
    return messages


def check_settings(**keywords: Any) -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    readers = {
        "DIRECT_UPLOADS_PERMISSION": conf.get_permission,
        "DIRECT_UPLOADS_SCAN": conf.get_scan,
        "DIRECT_UPLOADS_MAX_AGE": conf.get_max_age,
    }
    for name, read in readers.items():
        try:
            value = read()
        except Exception as error:  # whatever importing the project's code raises
            messages.append(wrong_setting(f"{name}: {type(error).__name__}: {error}"))
            continue
        if name == "DIRECT_UPLOADS_MAX_AGE":
            if value <= 0:
                messages.append(wrong_setting(f"{name} must be more than 0 seconds."))
        elif value is not None and not callable(value):
            messages.append(wrong_setting(f"{name} must be a callable or the path of one."))
    return messages


def check_urls(**keywords: Any) -> list[CheckMessage]:
    """Check that the script finds its views."""
    try:
        reverse("direct_uploads:begin")
    except (NoReverseMatch, AttributeError, ImproperlyConfigured):  # there may be no URLs at all
        hint = 'Add path("uploads/", include("django_minio_backend.direct.urls")) to your URLs.'
        return [no_urls("Direct uploads have no views.", hint=hint)]
    return []


def check_origins(**keywords: Any) -> list[CheckMessage]:
    """Ask each file server, as a browser would, whether a page may send files to it.

    Runs only with its tag.
    """
    # Django does not tell a check which tags were given.
    caller = sys._getframe(1).f_locals
    if NETWORK not in (caller.get("tags") or ()):
        return []
    return [
        refused_origin(
            f"A page of {origin} may not upload to {storage.base_url_external}: {reason}.",
            hint="Allow the origin, PUT and POST, and all headers, at the file server (CORS); or "
            "serve it below a path of the site with MINIO_EXTERNAL_ENDPOINT.",
        )
        for storage in {find_place(s): s for s in _list_targets()}.values()
        for origin in list_origins()
        if urlsplit(origin).netloc != urlsplit(storage.base_url_external).netloc
        if (reason := _ask_preflight(storage, origin))
    ]


def _list_targets() -> Iterator[MinioBackend]:
    for field in list_direct_fields():
        with suppress(ImproperlyConfigured, ConfigurationError):  # `check_fields` reports it
            yield field.target.find_storage()


def list_origins() -> list[str]:
    """Return the origins of the site's pages, as far as the settings name them."""
    hosts = [host for host in settings.ALLOWED_HOSTS if host.strip("*.") == host]
    local = {"localhost", "127.0.0.1", "[::1]"}
    origins = [*settings.CSRF_TRUSTED_ORIGINS, *(f"https://{h}" for h in hosts if h not in local)]
    return [origin for origin in dict.fromkeys(origins) if "*" not in origin]


def _ask_preflight(storage: MinioBackend, origin: str) -> str:
    """Return the reason why a browser would not send a part, "" if it would."""
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "x-amz-copy-source-if-match",
    }
    link = storage.url(make_pending_name("preflight"), method="PUT", expires=60)
    try:
        with urllib3.PoolManager(retries=False, timeout=_PATIENCE) as http:
            response = http.request("OPTIONS", link, headers=headers, redirect=False)
    except urllib3.exceptions.HTTPError as error:
        return f"it does not answer ({type(error).__name__})"
    allowed = response.headers.get("Access-Control-Allow-Origin", "")
    if response.status >= 300 or allowed not in {"*", origin}:
        return f"it answers {response.status} and allows {allowed or 'no origin'}"
    return ""
