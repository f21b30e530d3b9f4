"""The BGFILES_… settings: their defaults, and the only reader of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

DEFAULT_SALT = "bgfiles"
DEFAULT_MAX_AGE = 86400
_SERIALIZER = "django_minio_backend.bgfiles.toolbox.JSONSerializer"


def get_key() -> str | None:
    """Return the key that signs tokens; None stands for SECRET_KEY with its fallbacks."""
    key: str | None = getattr(settings, "BGFILES_DEFAULT_KEY", None)
    return None if key == settings.SECRET_KEY else key


def get_salt() -> str:
    return str(getattr(settings, "BGFILES_DEFAULT_SALT", DEFAULT_SALT))


def get_serializer() -> Any:
    return _import(getattr(settings, "BGFILES_DEFAULT_SERIALIZER", _SERIALIZER))


def get_max_age() -> int | None:
    """Return the seconds that tokens and their files live; None means for ever."""
    max_age = getattr(settings, "BGFILES_DEFAULT_MAX_AGE", DEFAULT_MAX_AGE)
    return int(max_age.total_seconds()) if isinstance(max_age, timedelta) else max_age


def get_signer() -> Any:
    """Return the project's own signer, None if it has none."""
    return _import(getattr(settings, "BGFILES_DEFAULT_SIGNER", None))


def _import(value: Any) -> Any:
    return import_string(value) if isinstance(value, str) else value
