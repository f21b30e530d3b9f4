"""Uploads that no form has taken: found, published if a row waits for them, else deleted."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.files.storage import storages
from django.db import router

from django_minio_backend import MinioBackend
from django_minio_backend.direct import conf
from django_minio_backend.direct.fields import DirectFileField
from django_minio_backend.direct.files import find_place, make_pending_name, read_id
from django_minio_backend.errors import ObjectExists, ObjectNotFound


@dataclass(frozen=True)
class Leftover:
    """An upload below the pending prefix. `size` is bytes."""

    storage: MinioBackend
    id: str
    size: int
    stored: datetime.datetime
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
    """Yield the uploads of a storage that no form has taken, a request per 1,000."""
    prefix = conf.get_prefix()
    for page in storage.s3.list_pages(storage.key(prefix.rstrip("/")) + "/"):
        for entry in page.entries:
            id = entry.key.rpartition("/")[2]
            yield Leftover(storage, id, entry.size, entry.modified, _find_row(storage, id))


def _find_row(storage: MinioBackend, id: str) -> str:
    """Return the name of a file of this id in a row, "" if there is none."""
    for field in list_direct_fields():
        own: Any = field.storage
        if isinstance(own, MinioBackend) and find_place(own) == find_place(storage):
            manager: Any = field.model._base_manager
            rows = manager.using(router.db_for_read(field.model))
            names = rows.filter(**{f"{field.name}__contains": id}).values_list(
                field.name, flat=True
            )
            for name in names:
                if read_id(str(name)) == id:
                    return str(name)
    return ""


def is_old(leftover: Leftover, age: datetime.timedelta) -> bool:
    """Return True if an upload is older than `age` by the server's clock."""
    return leftover.stored < leftover.storage.s3.transport.server_time() - age


def publish(leftover: Leftover) -> None:
    """Give the file of a row its name. Raises a StorageError if it cannot be done."""
    storage, pending = leftover.storage, make_pending_name(leftover.id)
    try:
        kind = storage.stat(pending).content_type
        storage.copy_file(pending, leftover.name, content_type=kind)
    except ObjectExists:
        pass  # it was published, and its upload not deleted
    except ObjectNotFound:
        return  # another process was faster
    storage.delete(pending)


def delete(leftover: Leftover) -> None:
    leftover.storage.delete(make_pending_name(leftover.id))


def make_default_age() -> datetime.timedelta:
    """Return twice the age at which a receipt ends: a form may just be in the making."""
    return datetime.timedelta(seconds=2 * conf.get_max_age())
