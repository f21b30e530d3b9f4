"""Uploads that no form has taken: found, published if a row waits for them, else deleted."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.files.storage import storages
from django.db import connections, router

from django_minio_backend import MinioBackend
from django_minio_backend.direct import conf
from django_minio_backend.direct.fields import DirectFileField
from django_minio_backend.direct.files import (
    DirectUpload,
    Receipt,
    choose_type,
    find_place,
    has_suffix,
    make_pending_name,
    make_suffix,
    read_version,
)
from django_minio_backend.direct.targets import Target
from django_minio_backend.errors import ObjectChanged, ObjectNotFound


@dataclass(frozen=True)
class Leftover:
    """An upload below the pending prefix. `size` is bytes."""

    storage: MinioBackend
    id: str
    size: int
    stored: datetime.datetime
    #: As in a `Receipt`.
    version: str
    #: The name that a row has for it, "" if no row waits for it.
    name: str = ""


def list_direct_fields() -> list[DirectFileField]:
    """Return the DirectFileFields of all models, each once."""
    fields = {
        field: None
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.local_fields
        if isinstance(field, DirectFileField)
    }
    return list(fields)


def list_storages() -> list[MinioBackend]:
    """Return the storages that may have uploads: those of aliases and of the fields, each once."""
    candidates = [storages[alias] for alias in storages.backends]
    candidates += [field.storage for field in list_direct_fields()]
    ours = [storage for storage in candidates if isinstance(storage, MinioBackend)]
    return list({find_place(storage): storage for storage in ours}.values())


def list_leftovers(storage: MinioBackend) -> Iterator[Leftover]:
    """Yield the uploads that no form has taken: a request per 1,000, and one for each small one."""
    prefix = conf.get_prefix()
    for page in storage.s3.list_pages(storage.key(prefix.rstrip("/")) + "/"):
        for entry in page.entries:
            id = entry.key.rpartition("/")[2]
            try:
                version = read_version(storage, id, entry.size, entry.etag)
            except ObjectNotFound:
                continue  # its form has taken it by now
            name = find_row(storage, id, version)
            yield Leftover(storage, id, entry.size, entry.modified, version, name)


def find_row(storage: MinioBackend, id: str, version: str) -> str:
    """Return the name that a row has for a version of an upload, "" without a row."""
    suffix = make_suffix(id, version)
    for field in list_direct_fields():
        own: Any = field.storage
        if isinstance(own, MinioBackend) and find_place(own) == find_place(storage):
            for name in _list_names(field, suffix):
                if has_suffix(name, suffix):
                    return name
    return ""


def _list_names(field: DirectFileField, suffix: str) -> Iterator[str]:
    """Yield the names with a suffix in the rows of all databases that have the model."""
    manager: Any = field.model._base_manager
    for using in connections:
        if router.allow_migrate_model(using, field.model):
            rows = manager.using(using).filter(**{f"{field.name}__contains": suffix})
            yield from map(str, rows.values_list(field.name, flat=True))


def is_old(leftover: Leftover, age: datetime.timedelta) -> bool:
    """Return True if an upload is older than `age` by the server's clock."""
    return leftover.stored < leftover.storage.s3.transport.server_time() - age


def publish(leftover: Leftover) -> None:
    """Give the file of a row its name. Raises a StorageError if it cannot be done.

    An upload that is gone or replaced by now is left alone.
    """
    storage, name = leftover.storage, leftover.name
    kind = choose_type(storage, name, "")
    receipt = Receipt(leftover.id, "", Target(), name, leftover.size, kind, leftover.version)
    with suppress(ObjectNotFound, ObjectChanged):
        _Unclaimed(receipt, storage).publish(name)


class _Unclaimed(DirectUpload):
    """An upload that is found in a storage, and not by its receipt."""

    def __init__(self, receipt: Receipt, storage: MinioBackend) -> None:
        super().__init__(receipt, "")
        self._storage = storage

    @property
    def storage(self) -> MinioBackend:
        return self._storage


def delete(leftover: Leftover) -> None:
    """Delete an upload, unless a row has it by now."""
    if not find_row(leftover.storage, leftover.id, leftover.version):
        leftover.storage.delete(make_pending_name(leftover.id))


def make_default_age() -> datetime.timedelta:
    """Return an age at which no form can take an upload any more.

    It began at most DIRECT_UPLOADS_MAX_AGE before it was finished. Its receipt lives as long.
    """
    return datetime.timedelta(seconds=3 * conf.get_max_age())
