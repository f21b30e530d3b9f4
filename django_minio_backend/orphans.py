"""Objects that no row refers to, and rows whose object is missing: found from listings and tables.

Whether something is an orphan is decided by (bucket, key) and by nothing that may be short: a
listing or a query that fails ends it before anything is decided.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.db import connections, router
from django.db.models import FileField, Model
from django.utils.module_loading import import_string

from django_minio_backend import dual
from django_minio_backend.answers import Entry
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.names import folder_prefix
from django_minio_backend.parsing import Endpoint
from django_minio_backend.storage import MinioBackend, configured

# Names in one query: SQLite allows 999 variables, others more.
_ASKED = 500
# What `strftime` replaces: https://docs.python.org/3/library/datetime.html#format-codes
_FORMAT = "%"

_NEVER = datetime.datetime.max.replace(tzinfo=datetime.UTC)

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
        """The prefix of the keys that it stores: its storage's, and what `upload_to` always is."""
        location = self.storage.options.location
        always = "" if callable(self.field.upload_to) else str(self.field.upload_to)
        folder = always.partition(_FORMAT)[0].rpartition("/")[0] if _FORMAT in always else always
        return "".join(f"{part.strip('/')}/" for part in (location, folder) if part.strip("/"))

    def rows(self) -> Iterator[tuple[Any, str]]:
        """Yield the primary key and the name of each row that has a file, from all databases."""
        for query in self._queries():
            yield from query.values_list("pk", self.field.name).iterator(chunk_size=2000)

    def names_among(self, names: Sequence[str]) -> Iterator[str]:
        """Yield those of the names that rows refer to now."""
        for start in range(0, len(names), _ASKED):
            asked = {f"{self.field.name}__in": names[start : start + _ASKED]}
            for query in self._queries():
                yield from query.filter(**asked).values_list(self.field.name, flat=True)

    def key(self, name: str) -> str | None:
        """Return the key of a row's name; None for what no object can be called."""
        try:
            return self.storage._key(name)
        except SuspiciousFileOperation:
            return None

    def _queries(self) -> Iterator[Any]:
        for database in _databases(self.model):
            manager = self.model._base_manager.using(database)
            empty = {f"{self.field.name}__isnull": True}
            yield manager.exclude(**{self.field.name: ""}).exclude(**empty).order_by()


def references() -> list[Reference]:
    """Return the FileFields of all installed models that store into our storages."""
    return [
        Reference(model, one, storage)
        for model, one in file_fields()
        for storage in dual.parts(one.storage)
        if isinstance(storage, MinioBackend) and not storage.options.is_static
    ]


def file_fields() -> Iterator[tuple[type[Model], FileField]]:
    """Yield the FileFields of all installed models, where they are defined."""
    for model in apps.get_models(include_auto_created=True):
        for one in model._meta.local_fields:
            if isinstance(one, FileField):
                yield model, one


@dataclass(frozen=True)
class Scope:
    """What is looked at: a part of a bucket that fields store into, and all that refers to it."""

    storage: MinioBackend
    prefixes: tuple[str, ...]
    #: The fields that store into it.
    own: tuple[Reference, ...]
    #: These and those of buckets of this name elsewhere, since one server may have two addresses.
    references: tuple[Reference, ...]

    @property
    def name(self) -> str:
        return self.storage.bucket

    def is_of(self, alias: str) -> bool:
        return any(one.storage.options.alias == alias for one in self.own)

    def entries(self) -> Iterator[Entry]:
        """Yield the objects of the scope, a request per 1,000."""
        for prefix in self.prefixes:
            for page in self.storage.s3.pages(prefix):
                yield from page.entries


def scopes(found: Iterable[Reference], bucket: str = "", *, whole: bool = False) -> list[Scope]:
    """Return the parts of buckets that the fields store into, in the order of the buckets' names.

    `bucket` narrows it to one. With `whole` a scope is all that its storages have. Raises
    ConfigurationError when no field stores into that bucket.
    """
    by_bucket: dict[Bucket, list[Reference]] = {}
    for one in found:
        by_bucket.setdefault(one.bucket, []).append(one)
    made = []
    for (_, name), own in sorted(by_bucket.items(), key=lambda item: item[0][1]):
        if bucket in {"", name}:
            roots = {
                folder_prefix(one.storage.options.location, "") if whole else one.prefix
                for one in own
            }
            named = [
                one for (_, other), those in by_bucket.items() for one in those if other == name
            ]
            made.append(Scope(own[0].storage, _outermost(roots), tuple(own), tuple(named)))
    if bucket and not made:
        known = ", ".join(sorted({name for _, name in by_bucket})) or "none"
        raise ConfigurationError(
            f"No FileField stores into a bucket '{bucket}'. Buckets of FileFields: {known}."
        )
    return made


@dataclass(frozen=True)
class Orphan:
    """An object that nothing refers to. `size` is bytes."""

    scope: Scope
    key: str
    size: int


@dataclass
class Search:
    """What was looked at and what was found. Sizes are bytes."""

    objects: int = 0
    #: Of what nothing refers to, how many were too young to be told.
    young: int = 0
    orphans: list[Orphan] = field(default_factory=list)

    @property
    def size(self) -> int:
        return sum(orphan.size for orphan in self.orphans)

    @property
    def percent(self) -> float:
        return 100 * len(self.orphans) / self.objects if self.objects else 0.0


def search(
    among: Sequence[Scope],
    *,
    older_than: datetime.timedelta,
    exclude: Sequence[str] = (),
    tell: Callable[[int], None] = lambda count: None,
) -> Search:
    """Find the objects that nothing refers to and that are older than that.

    `exclude` are patterns of keys to leave alone. `tell` hears how many objects were looked at.
    """
    known = {mark for scope in among for mark in _marks(scope)}
    before = datetime.datetime.now(datetime.UTC) - older_than
    found = Search()
    for scope in among:
        for entry in scope.entries():
            found.objects += 1
            tell(found.objects)
            mark = _mark(scope.storage, entry.key)
            if is_orphan(mark, entry, known, before, exclude):
                found.orphans.append(Orphan(scope, entry.key, entry.size))
            elif is_orphan(mark, entry, known, _NEVER, exclude):
                found.young += 1
    return found


def is_orphan(
    mark: int, entry: Entry, known: set[int], before: datetime.datetime, exclude: Sequence[str]
) -> bool:
    """Decide; of what is not known to be old enough the answer is no."""
    if mark in known or not entry.last_modified or entry.modified >= before:
        return False
    return not any(fnmatchcase(entry.key, pattern) for pattern in exclude)


def still_orphans(orphans: Sequence[Orphan]) -> list[Orphan]:
    """Ask the database once more; return those that no row refers to by now.

    The orphans are of one scope.
    """
    if not orphans:
        return []
    scope, keys = orphans[0].scope, [orphan.key for orphan in orphans]
    taken: set[str | None] = set()
    for one in scope.references:
        prefix = folder_prefix(one.storage.options.location, "")
        names = [key.removeprefix(prefix) for key in keys if key.startswith(prefix)]
        taken |= {one.key(name) for name in one.names_among(names)}
    return [orphan for orphan in orphans if orphan.key not in taken]


def missing(among: Sequence[Scope]) -> Iterator[tuple[Reference, Any, str]]:
    """Yield each row whose object is nowhere: its field, primary key and name.

    Of a field with two storages it may be in either.
    """
    there = {_mark(scope.storage, entry.key) for scope in among for entry in scope.entries()}
    fields: dict[Any, list[Reference]] = {}
    for scope in among:
        for one in scope.own:
            fields.setdefault((one.model, one.field), []).append(one)
    for own in fields.values():
        looked_at = [one.storage for one in own]
        others = [s for s in dual.parts(own[0].field.storage) if s not in looked_at]
        for pk, name in own[0].rows():
            keys = [(one.storage, one.key(name)) for one in own]
            if any(key is not None and _mark(storage, key) in there for storage, key in keys):
                continue
            if not any(storage.exists(name) for storage in others):
                yield own[0], pk, name


def _marks(scope: Scope) -> Iterator[int]:
    """Yield the mark of every key that rows, and MINIO_REFERENCES, refer to."""
    storages: dict[int, MinioBackend] = {}
    for one in scope.references:
        storages[id(one.storage)] = one.storage
        for _, name in one.rows():
            if (key := one.key(name)) is not None:
                yield _mark(one.storage, key)
    # A hook of any alias may know of names in this bucket.
    own = [storage for _, storage in configured() if storage.bucket == scope.name]
    for storage in [*storages.values(), *own]:
        for name in further(storage):
            yield _mark(storage, storage._key(name))


def further(storage: MinioBackend) -> Iterable[str]:
    """Yield the names that MINIO_REFERENCES tells of."""
    hook = storage.options.references
    if isinstance(hook, str):
        try:
            hook = import_string(hook)
        except ImportError as error:
            raise ConfigurationError(
                f"Storage '{storage.options.alias}': MINIO_REFERENCES {error}."
            ) from error
    return hook(storage) if hook else ()


def _mark(storage: MinioBackend, key: str) -> int:
    """Return 64 bits for a key of a bucket: a collision can only keep a file."""
    name = f"{storage.bucket}/{key}".encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big")


def _databases(model: type[Model]) -> list[str]:
    """Return the databases that may hold rows of a model: all that its router allows."""
    usual = {router.db_for_read(model), router.db_for_write(model)}
    if settings.DATABASE_ROUTERS:
        usual |= {name for name in connections if router.allow_migrate_model(name, model)}
    return sorted(usual)


def _outermost(prefixes: Iterable[str]) -> tuple[str, ...]:
    """Return the prefixes that are not within another one of them."""
    kept: list[str] = []
    for prefix in sorted(prefixes):
        if not any(prefix.startswith(outer) for outer in kept):
            kept.append(prefix)
    return tuple(kept)
