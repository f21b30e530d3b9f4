"""The other storages that keep files in the same bucket. Nobody deletes a neighbour's files."""

from __future__ import annotations

from typing import Any

from django_minio_backend.references import derived
from django_minio_backend.references.fields import list_file_fields
from django_minio_backend.storage.backend import MinioBackend, list_storages


def keeps_static_files(storage: MinioBackend) -> bool:
    """Return True for a storage of static files, of any class."""
    aliases = (alias for alias, other in list_storages() if other is storage)
    return storage.options.is_static or "staticfiles" in aliases


def list_neighbours(storage: MinioBackend) -> list[MinioBackend]:
    """Return the other storages of aliases and FileFields that use this bucket.

    A bucket of the same name elsewhere counts too: a server may have two addresses.
    """
    storages: list[Any] = [other for _, other in list_storages()]
    storages += [
        part for _, field in list_file_fields() for part in derived.list_field_storages(field)
    ]
    return [
        other
        for other in storages
        if isinstance(other, MinioBackend)
        and other.bucket == storage.bucket
        and other is not storage
    ]


def list_foreign_prefixes(storage: MinioBackend) -> tuple[str, ...]:
    """Return the prefixes of keys within a storage that other storages own.

    They are the locations of neighbours within its own one, and its own location if one keeps
    static files there and the other does not.
    """
    own_prefix, static = storage.options.prefix, keeps_static_files(storage)
    return tuple(
        {own_prefix + prefix for prefix in derived.list_pending_prefixes()}
        | {
            neighbour.options.prefix
            for neighbour in list_neighbours(storage)
            if neighbour.options.prefix.startswith(own_prefix)
            and (neighbour.options.prefix != own_prefix or keeps_static_files(neighbour) != static)
        }
    )
