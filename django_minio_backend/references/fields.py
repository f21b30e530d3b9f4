"""The rows that name objects: FileFields, files that other apps derive, MINIO_REFERENCES."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.db import connections, router
from django.db.models import FileField, Model, Q
from django.utils.module_loading import import_string

from django_minio_backend import names
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.references import derived
from django_minio_backend.s3.server import Endpoint
from django_minio_backend.storage.backend import MinioBackend

# The number of names in one query: SQLite allows 999 variables, others more.
_ASKED = 500
# The start of a placeholder of `strftime`:
# https://docs.python.org/3/library/datetime.html#format-codes
_FORMAT = "%"

Bucket = tuple[Endpoint, str]


@dataclass(frozen=True)
class Reference:
    """A FileField of a model, which stores into one of our storages."""

    model: type[Model]
    field: Any
    storage: MinioBackend

    @property
    def bucket(self) -> Bucket:
        return self.storage.options.endpoint, self.storage.bucket

    @property
    def prefix(self) -> str:
        """The prefix of its keys: the storage's prefix, and the constant part of `upload_to`."""
        always = "" if callable(self.field.upload_to) else str(self.field.upload_to)
        folder = always.partition(_FORMAT)[0].rpartition("/")[0] if _FORMAT in always else always
        below = folder.strip("/")
        return self.storage.options.prefix + (f"{below}/" if below else "")

    def list_rows(self) -> Iterator[tuple[Any, str]]:
        """Yield the primary key and the name of each row that has a file, from all databases."""
        for query in self._make_queries(self.model):
            yield from query.values_list("pk", self.field.name).iterator(chunk_size=2000)

    def list_names(self) -> Iterator[str]:
        """Yield each name in use: of rows, of former rows, and of files derived from them."""
        for _, name in self.list_rows():
            yield name
            yield from derived.derive_names(self.field, name)
        if (history := derived.find_history(self.model)) is not None:
            for query in self._make_queries(history):
                for name in query.values_list(self.field.name, flat=True).iterator():
                    yield name
                    yield from derived.derive_names(self.field, name)

    def find_names_among(self, names: Sequence[str]) -> Iterator[str]:
        """Yield names that rows refer to now: those among `names`, and perhaps more."""
        if any(derived.derive_names(self.field, "name")):
            yield from self.list_names()
            return
        for start in range(0, len(names), _ASKED):
            is_asked = Q(**{f"{self.field.name}__in": names[start : start + _ASKED]}) | self._odd
            for model in filter(None, (self.model, derived.find_history(self.model))):
                for query in self._make_queries(model):
                    yield from query.filter(is_asked).values_list(self.field.name, flat=True)

    @property
    def _odd(self) -> Q:
        """Match the names that mean another one after they are normalised."""
        column = self.field.name
        begin = (Q(**{f"{column}__startswith": start}) for start in (".", "/"))
        within = (Q(**{f"{column}__contains": part}) for part in ("//", "/.", "\\"))
        odd = Q(**{f"{column}__endswith": "/"})
        for condition in (*begin, *within):
            odd |= condition
        return odd

    def _make_queries(self, model: type[Model]) -> Iterator[Any]:
        for database in list_databases(model):
            manager = model._base_manager.using(database)
            empty = {f"{self.field.name}__isnull": True}
            yield manager.exclude(**{self.field.name: ""}).exclude(**empty).order_by()


def list_references() -> list[Reference]:
    """Return the FileFields of all installed models that store into our storages."""
    return [
        Reference(model, model_field, storage)
        for model, model_field in list_file_fields()
        for storage in derived.list_field_storages(model_field)
        if isinstance(storage, MinioBackend) and not storage.options.is_static
    ]


@dataclass
class Referenced:
    """The keys that names refer to, as hashes to save memory."""

    _hashes: set[int] = field(default_factory=set)
    #: The last segments of names whose meaning is unclear.
    _unplaced: set[str] = field(default_factory=set)

    def add(self, storage: MinioBackend, name: str) -> None:
        """Remember that a name of this storage is in use, with all its possible meanings."""
        try:
            key = storage.key(name)
        except SuspiciousFileOperation:
            self._unplaced.add(_take_last_segment(name))
            return
        self._hashes |= {_hash_key(storage, key), _hash_key(storage, names.fold(key))}
        if "://" in name:
            self._unplaced.add(_take_last_segment(name))

    def has(self, storage: MinioBackend, key: str) -> bool:
        """Return True if a name refers to this key of the storage's bucket, or may do so."""
        unplaced = bool(self._unplaced) and _take_last_segment(key) in self._unplaced
        return unplaced or _hash_key(storage, key) in self._hashes


def read_hook(storage: MinioBackend) -> Iterable[str]:
    """Yield the names of MINIO_REFERENCES. Raises ConfigurationError if one is no name."""
    hook = storage.options.references
    where = f"Storage '{storage.options.alias}': MINIO_REFERENCES"
    if isinstance(hook, str):
        try:
            hook = import_string(hook)
        except ImportError as error:
            raise ConfigurationError(f"{where} {error}.") from error
    for name in hook(storage) if hook else ():
        if not isinstance(name, str) or not name:
            raise ConfigurationError(f"{where} gave {name!r}, which is no name of a file.")
        yield name


def list_databases(model: type[Model]) -> list[str]:
    """Return the databases that may hold rows of a model: all that the routers allow."""
    usual = {router.db_for_read(model), router.db_for_write(model)}
    if settings.DATABASE_ROUTERS:
        usual |= {name for name in connections if router.allow_migrate_model(name, model)}
    return sorted(usual)


def _hash_key(storage: MinioBackend, key: str) -> int:
    """Return 64 bits for a key of a bucket. A collision can only keep a file."""
    name = f"{storage.bucket}/{key}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big")


def _take_last_segment(name: str) -> str:
    return name.replace("\\", "/").rstrip("/").rpartition("/")[2]


def list_file_fields() -> Iterator[tuple[type[Model], FileField]]:
    """Yield the FileFields of all installed models, each at the model that defines it."""
    for model in apps.get_models(include_auto_created=True):
        for model_field in model._meta.local_fields:
            if isinstance(model_field, FileField):
                yield model, model_field
