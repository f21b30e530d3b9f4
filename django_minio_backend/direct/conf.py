"""The DIRECT_UPLOADS_… settings: their defaults, and the only reader of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

DEFAULT_PREFIX = "direct-uploads/"
DEFAULT_MAX_AGE = 86400


def get_prefix() -> str:
    """Return the start of the names of uploads that no row has yet, ending in "/"."""
    prefix = str(getattr(settings, "DIRECT_UPLOADS_PREFIX", DEFAULT_PREFIX)).strip("/")
    return f"{prefix or DEFAULT_PREFIX.strip('/')}/"


def get_max_age() -> int:
    """Return the seconds in which an upload must be finished and its form be saved."""
    max_age = getattr(settings, "DIRECT_UPLOADS_MAX_AGE", DEFAULT_MAX_AGE)
    return int(max_age.total_seconds()) if isinstance(max_age, timedelta) else int(max_age)


def get_permission() -> Any:
    """Return the callable of a request and a `Target` that says who may upload, or None."""
    return _import("DIRECT_UPLOADS_PERMISSION")


def get_scan() -> Any:
    """Return the callable that gets each uploaded file before its form is valid, or None."""
    return _import("DIRECT_UPLOADS_SCAN")


def _import(name: str) -> Any:
    value = getattr(settings, name, None)
    return import_string(value) if isinstance(value, str) else value
