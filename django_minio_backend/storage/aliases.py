"""The aliases in STORAGES whose backend is ours. Nothing here makes a storage."""

from __future__ import annotations

from typing import Any

from django.utils.module_loading import import_string

from django_minio_backend.config.settings import list_backends
from django_minio_backend.storage.identity import ConfiguredStorage


def list_aliases() -> list[str]:
    """Return the aliases in STORAGES whose backend is ours, in their order."""
    return [alias for alias, backend in list_backends() if import_backend(backend)]


def import_backend(path: str, base: type[Any] = ConfiguredStorage) -> type[Any] | None:
    """Return the class at a dotted path if it is a `base`, else None.

    Django reports a path that cannot be imported.
    """
    try:
        backend = import_string(path)
    except ImportError:
        return None
    return backend if isinstance(backend, type) and issubclass(backend, base) else None
