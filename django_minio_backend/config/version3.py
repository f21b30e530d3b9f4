"""Version 3's settings, outside STORAGES."""

from __future__ import annotations

import warnings
from typing import Any

from django.conf import settings

from django_minio_backend.config.options import (
    DEFAULT_MEDIA_FILES_BUCKET,
    DEFAULT_STATIC_FILES_BUCKET,
    NAMES,
    RENAMED,
    SECRET,
    is_given,
)
from django_minio_backend.config.parsers import split_list
from django_minio_backend.redaction import redact


def read_settings() -> dict[str, Any]:
    """Return version 3's settings by today's names of options, none without an endpoint."""
    if not getattr(settings, "MINIO_ENDPOINT", None):
        return {}
    now = {name: name for name in NAMES if name.isupper()} | {
        old: new for old, new in RENAMED.items() if old.isupper()
    }
    values = {new: getattr(settings, old, None) for old, new in now.items()}
    # In version 3 the bucket of static files had to be in a list, and was public in either.
    static = values["MINIO_STATIC_FILES_BUCKET"] or DEFAULT_STATIC_FILES_BUCKET
    media = values["MINIO_DEFAULT_BUCKET"] or DEFAULT_MEDIA_FILES_BUCKET
    private = split_list(values["MINIO_PRIVATE_BUCKETS"])
    if private is not None and static != media:
        values["MINIO_PRIVATE_BUCKETS"] = [name for name in private if name != static]
    return redact({n: value for n, value in values.items() if is_given(value)}, SECRET)


def list_settings() -> dict[str, Any]:
    """Return the settings outside STORAGES with a present or former name of an option."""
    names = [name for name in (*NAMES, *RENAMED) if name.isupper() and hasattr(settings, name)]
    return {name: getattr(settings, name) for name in sorted(names)}


def warn_of_settings() -> None:
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            "MINIO_… settings outside STORAGES are deprecated: `manage.py check` shows the "
            "STORAGES that say the same.",
            DeprecationWarning,
            stacklevel=2,
        )


_warned = False
