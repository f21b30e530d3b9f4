"""Objects that no row refers to: the search, the decision and the deletion.

The decision needs complete listings and tables. If one fails, nothing is decided or deleted.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase
from glob import escape
from itertools import groupby

from django_minio_backend.errors import ConfigurationError
from django_minio_backend.names import keep_outermost
from django_minio_backend.references import derived
from django_minio_backend.references.fields import Bucket, Reference, Referenced, read_hook
from django_minio_backend.references.neighbours import list_foreign_prefixes
from django_minio_backend.s3.client import split_batches
from django_minio_backend.s3.responses import Entry
from django_minio_backend.shards import ALL, Shard
from django_minio_backend.storage.backend import MinioBackend, list_storages


@dataclass(frozen=True)
class Scope:
    """A part of a bucket that fields store into, and all references to it."""

    storage: MinioBackend
    prefixes: tuple[str, ...]
    #: The fields that store into it.
    fields: tuple[Reference, ...]
    #: These, and those of buckets of this name elsewhere: a server may have two addresses.
    references: tuple[Reference, ...]

    @property
    def name(self) -> str:
        return self.storage.bucket

    def is_of(self, alias: str) -> bool:
        return any(reference.storage.options.alias == alias for reference in self.fields)

    @property
    def foreign(self) -> tuple[str, ...]:
        """The prefixes of keys that belong to other storages, and to no field of this scope."""
        storages = {
            reference.storage.options.prefix: reference.storage for reference in self.fields
        }
        return tuple(
            prefix
            for storage in storages.values()
            for prefix in list_foreign_prefixes(storage)
            if prefix not in storages or prefix == storage.options.prefix
        )

    def note(self, referenced: Referenced) -> None:
        """Remember everything that rows, other apps and MINIO_REFERENCES refer to."""
        storages: dict[int, MinioBackend] = {}
        for reference in self.references:
            storages[id(reference.storage)] = reference.storage
            for name in reference.list_names():
                referenced.add(reference.storage, name)
        for name in derived.list_registered_names():
            for storage in storages.values():
                referenced.add(storage, name)
        # A hook of any alias may know names in this bucket.
        storages |= {
            id(reference): reference
            for _, reference in list_storages()
            if reference.bucket == self.name
        }
        for storage in storages.values():
            for name in read_hook(storage):
                referenced.add(storage, name)

    def patterns(self) -> list[str]:
        """Return patterns of keys in the folders of other apps' caches."""
        prefixes = {reference.storage.options.prefix for reference in self.references}
        return [
            f"{escape(prefix)}{name}"
            for prefix in prefixes
            for name in derived.list_cache_patterns()
        ]

    @property
    def is_whole(self) -> bool:
        """True if the scope is everything that its storages hold."""
        roots = keep_outermost(reference.storage.options.prefix for reference in self.fields)
        return keep_outermost([*self.prefixes, *roots]) == self.prefixes

    @property
    def has_hook(self) -> bool:
        return any(
            reference.storage.options.references is not None for reference in self.references
        )

    def find_age_limit(self, older_than: datetime.timedelta) -> datetime.datetime:
        """Return the time before which things are old enough, by the server's clock.

        The server tells whole seconds, so they are rounded up.
        """
        second = datetime.timedelta(seconds=1)
        return self.storage.s3.transport.server_time() + second - older_than

    def entries(self) -> Iterator[Entry]:
        """Yield the objects of the scope, a request per 1,000."""
        for prefix in self.prefixes:
            for page in self.storage.s3.list_pages(prefix):
                yield from page.entries


def make_scopes(
    references: Iterable[Reference], bucket: str = "", *, whole: bool = False
) -> list[Scope]:
    """Return the parts of buckets that the fields store into, in the order of the buckets' names.

    `bucket` limits it to one. With `whole` a scope is everything that its storages hold. Raises
    ConfigurationError if no field stores into that bucket.
    """
    by_bucket: dict[Bucket, list[Reference]] = {}
    for reference in references:
        by_bucket.setdefault(reference.bucket, []).append(reference)
    scopes = []
    for (_, name), storing in sorted(by_bucket.items(), key=lambda item: item[0][1]):
        if bucket in {"", name}:
            roots = {
                reference.storage.options.prefix if whole else reference.prefix
                for reference in storing
            }
            same_name = [
                reference
                for (_, other), others in by_bucket.items()
                for reference in others
                if other == name
            ]
            scopes.append(
                Scope(storing[0].storage, keep_outermost(roots), tuple(storing), tuple(same_name))
            )
    if bucket and not scopes:
        names = ", ".join(sorted({name for _, name in by_bucket})) or "none"
        raise ConfigurationError(
            f"No FileField stores into a bucket '{bucket}'. Buckets of FileFields: {names}."
        )
    return scopes


@dataclass(frozen=True, slots=True)
class Orphan:
    """An object that nothing refers to. `size` is bytes."""

    scope: Scope
    key: str
    size: int


@dataclass
class Search:
    """The result of a search. Sizes are bytes."""

    objects: int = 0
    #: The number of unreferenced objects that were too young to decide.
    young: int = 0
    #: The number of objects of other storages, of which rows say nothing.
    foreign: int = 0
    orphans: list[Orphan] = field(default_factory=list)

    @property
    def size(self) -> int:
        return sum(orphan.size for orphan in self.orphans)

    @property
    def percent(self) -> float:
        return 100 * len(self.orphans) / self.objects if self.objects else 0.0


def search_orphans(
    among: Sequence[Scope],
    *,
    older_than: datetime.timedelta,
    exclude: Sequence[str] = (),
    shard: Shard = ALL,
    tell: Callable[[int], None] = lambda count: None,
) -> Search:
    """Find the objects that nothing refers to and that are older than `older_than`.

    `exclude` are patterns of keys to keep. Keys of other shards are not looked at.
    `tell` gets the number of objects seen so far.
    """
    referenced = Referenced()
    for scope in among:
        scope.note(referenced)
    result = Search()
    for scope in among:
        foreign = scope.foreign
        excluded = [*exclude, *scope.patterns()]
        before = None
        for entry in scope.entries():
            before = before or scope.find_age_limit(older_than)
            if not shard.holds(entry.key):
                continue
            result.objects += 1
            tell(result.objects)
            is_referenced = referenced.has(scope.storage, entry.key)
            if entry.key.startswith(foreign):
                result.foreign += 1
                continue
            verdict = judge(entry, is_referenced, before, excluded)
            if verdict is Verdict.ORPHAN:
                result.orphans.append(Orphan(scope, entry.key, entry.size))
            elif verdict is Verdict.YOUNG:
                result.young += 1
    return result


class Verdict(Enum):
    """The decision about an object."""

    KEEP = "keep"
    #: Nothing refers to it, but a row may still come.
    YOUNG = "young"
    ORPHAN = "orphan"


def judge(
    entry: Entry, is_referenced: bool, before: datetime.datetime, exclude: Sequence[str]
) -> Verdict:
    """Decide about an object. Keep it if its age is unknown, or if its key matches a pattern."""
    if is_referenced or not entry.last_modified:
        return Verdict.KEEP
    if any(fnmatchcase(entry.key, pattern) for pattern in exclude):
        return Verdict.KEEP
    return Verdict.YOUNG if entry.modified >= before else Verdict.ORPHAN


def keep_orphans(orphans: Sequence[Orphan]) -> list[Orphan]:
    """Ask the database again, and return the orphans without a row.

    All orphans are of one scope.
    """
    if not orphans:
        return []
    scope, keys = orphans[0].scope, [orphan.key for orphan in orphans]
    referenced = Referenced()
    for reference in scope.references:
        prefix = reference.storage.options.prefix
        names = [key.removeprefix(prefix) for key in keys if key.startswith(prefix)]
        for name in reference.find_names_among(names):
            referenced.add(reference.storage, name)
    return [orphan for orphan in orphans if not referenced.has(scope.storage, orphan.key)]


def delete_orphans(orphans: Sequence[Orphan]) -> Iterator[tuple[int, dict[str, str]]]:
    """Delete orphans, 1,000 a request. Before each batch the database is asked once more.

    Yield for each batch how many were deleted, and the reason for each key that was not. An error
    of the database or the server ends it, with nothing deleted of that batch.
    """
    for _, of_scope in groupby(orphans, key=lambda orphan: id(orphan.scope)):
        for batch in split_batches(of_scope):
            # Rows may have come since the tables were read.
            if keys := [orphan.key for orphan in keep_orphans(batch)]:
                refused = batch[0].scope.storage.delete_keys(keys)
                yield len(keys) - len(refused), refused
