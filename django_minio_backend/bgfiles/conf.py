"""The BGFILES_… settings: their defaults, and the only reader of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

DEFAULT_SALT = "bgfiles"
DEFAULT_MAX_AGE = 86400
_SERIALIZER = "django_minio_backend.bgfiles.toolbox.JSONSerializer"


def key() -> str | None:
    """Return the key that tokens are signed with; None for SECRET_KEY with its fallbacks."""
    found: str | None = getattr(settings, "BGFILES_DEFAULT_KEY", None)
    return None if found == settings.SECRET_KEY else found


def salt() -> str:
    return str(getattr(settings, "BGFILES_DEFAULT_SALT", DEFAULT_SALT))


def serializer() -> Any:
    return _imported(getattr(settings, "BGFILES_DEFAULT_SERIALIZER", _SERIALIZER))


def max_age() -> int | None:
    """Return how many seconds tokens and their files live; None for ever."""
    found = getattr(settings, "BGFILES_DEFAULT_MAX_AGE", DEFAULT_MAX_AGE)
    return int(found.total_seconds()) if isinstance(found, timedelta) else found


def signer() -> Any:
    """Return the project's own signer; None when it has none."""
    return _imported(getattr(settings, "BGFILES_DEFAULT_SIGNER", None))


def _imported(value: Any) -> Any:
    return import_string(value) if isinstance(value, str) else value
