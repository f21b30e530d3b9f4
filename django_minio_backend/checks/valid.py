"""The options of aliases that have no mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import cast

from django.core.files.storage import storages

from django_minio_backend.config.options import Options
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.storage.aliases import list_aliases
from django_minio_backend.storage.backend import MinioBackend


def list_valid_options() -> Iterator[Options]:
    """Yield the options of the aliases without mistakes."""
    return (options for _, options in list_valid_aliases())


def list_valid_aliases() -> Iterator[tuple[str, Options]]:
    for alias in list_aliases():
        with suppress(ConfigurationError, TypeError):  # OPTIONS may be no mapping
            yield alias, cast(MinioBackend, storages[alias]).options
