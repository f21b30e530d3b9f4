"""System checks: each message has one factory and one id, which is never given to another."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags
from django.core.exceptions import ImproperlyConfigured
from django.urls import NoReverseMatch, reverse

from django_minio_backend.direct import conf
from django_minio_backend.direct.cleaning import list_direct_fields
from django_minio_backend.errors import ConfigurationError

MIDDLEWARE = "django_minio_backend.direct.middleware.remember_request"
_USERS = "django.contrib.auth.middleware.AuthenticationMiddleware"

no_middleware = partial(checks.Error, id="direct_uploads.E001")
foreign_storage = partial(checks.Error, id="direct_uploads.E002")
wrong_setting = partial(checks.Error, id="direct_uploads.E003")
no_urls = partial(checks.Error, id="direct_uploads.E004")


def register_all() -> None:
    checks.register(check_middleware, Tags.security)
    checks.register(check_fields, Tags.models)
    checks.register(check_settings, Tags.files)
    checks.register(check_urls, Tags.urls)


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
    """Check that the storage of each DirectFileField takes uploads."""
    messages: list[CheckMessage] = []
    for field in list_direct_fields():
        try:
            field.target.find_storage()
        except (ImproperlyConfigured, ConfigurationError) as error:
            hint = "Give the field a MinioBackend, or make it a FileField."
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
