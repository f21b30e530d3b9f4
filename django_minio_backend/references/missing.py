"""Rows whose object is missing."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import Any

from django.core.exceptions import SuspiciousFileOperation

from django_minio_backend import names
from django_minio_backend.references import derived
from django_minio_backend.references.fields import Reference
from django_minio_backend.references.orphans import Scope


def find_missing_objects(among: Sequence[Scope]) -> Iterator[tuple[Reference, Any, str]]:
    """Yield the field, the primary key and the name of each row whose object is missing.

    If a field has two storages, the object may be in either.
    """
    keys = {(scope.name, entry.key) for scope in among for entry in scope.entries()}
    fields: dict[Any, list[Reference]] = {}
    for scope in among:
        for reference in scope.fields:
            fields.setdefault((reference.model, reference.field), []).append(reference)
    for references in fields.values():
        looked_at = [reference.storage for reference in references]
        others = [s for s in derived.list_field_storages(references[0].field) if s not in looked_at]
        for pk, name in references[0].list_rows():
            if not any(_is_there(reference, name, keys) for reference in references) and not any(
                storage.exists(name) for storage in others
            ):
                yield references[0], pk, name


def _is_there(reference: Reference, name: str, keys: Container[tuple[str, str]]) -> bool:
    try:
        key = reference.storage.key(name)
    except SuspiciousFileOperation:
        return False
    bucket = reference.storage.bucket
    return (bucket, key) in keys or (bucket, names.fold(key)) in keys
