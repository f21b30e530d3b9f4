"""Files moved from one storage to another: compared, copied where they differ, and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

from django.core.files.storage import FileSystemStorage, InvalidStorageError, Storage, storages

from django_minio_backend import dual, errors, orphans
from django_minio_backend.bucket_place import Bucket
from django_minio_backend.checksums import Checked, Damaged
from django_minio_backend.dual import DualReadStorage
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.orphans import Reference
from django_minio_backend.places import Folder, Item, Place
from django_minio_backend.storage import MinioBackend

#: What fails for one file and would fail for all others.
FATAL = (
    errors.BucketNotFound,
    errors.ClockSkew,
    errors.InvalidCredentials,
    errors.ServerUnreachable,
    errors.StorageFull,
    errors.WrongRegion,
)


def place_of(alias: str) -> Place:
    """Return the storage of an alias. Raises ConfigurationError when it is none, or is two."""
    try:
        found = dual.parts(storages[alias])
    except InvalidStorageError as error:
        known = ", ".join(storages.backends)
        raise ConfigurationError(f"'{alias}' is not in STORAGES, which has: {known}.") from error
    if len(found) > 1:
        raise ConfigurationError(f"'{alias}' is a DualReadStorage: name one of its two aliases.")
    return _place(alias, found[0])


def _place(alias: str, storage: Storage) -> Place:
    kind: type[Place] = Folder if isinstance(storage, FileSystemStorage) else Place
    return (Bucket if isinstance(storage, MinioBackend) else kind)(alias, storage)


class Verdict(Enum):
    """What became of a file."""

    COPIED = "copied"
    EQUAL = "there already"
    DIFFERS = "differ"
    MISSING = "missing"
    GONE = "gone from the source"
    FAILED = "failed"


#: What is not the same in the end.
DIFFERENCES = (Verdict.DIFFERS, Verdict.MISSING, Verdict.GONE, Verdict.FAILED)


@dataclass(frozen=True)
class Outcome:
    """What became of a file, and why where that is not plain."""

    item: Item
    verdict: Verdict
    detail: str = ""


@dataclass(frozen=True)
class Transfer:
    """From one alias of STORAGES to another. Raises ConfigurationError where they are one place."""

    source: Place
    target: Place
    #: Compare by content and change nothing.
    verify_only: bool = False
    dry_run: bool = False

    @classmethod
    def between(cls, source: str, target: str, **options: bool) -> Transfer:
        made = cls(place_of(source), place_of(target), **options)
        if made._overlaps and made.source.server == made.target.server:
            raise ConfigurationError(
                f"'{source}' and '{target}' are one place, or one in the other."
            )
        return made

    @property
    def _overlaps(self) -> bool:
        (one, here), (other, there) = self.source.root, self.target.root
        return one == other and (here.startswith(there) or there.startswith(here))

    @property
    def may_be_nested(self) -> bool:
        """Whether one may be within the other, since a server may have two addresses."""
        return self._overlaps and self.source.root != self.target.root

    @property
    def _raw(self) -> bool:
        """Whether objects go as they are stored, compressed ones too."""
        return isinstance(self.source, Bucket) and isinstance(self.target, Bucket)

    def there(self, prefix: str) -> dict[str, Item]:
        """Return what the target has by its name; nothing where its folder is still to be made."""
        try:
            return {item.name: item for item in self.target.items(prefix)}
        except FileNotFoundError:
            return {}

    def run(self, item: Item, find: Callable[[str], Item | None]) -> Outcome:
        """Do what is to be done about a file; `find` tells what the target has of its name.

        Raises what is FATAL; all else is the outcome of this one file.
        """
        try:
            return self._run(item, find(item.name))
        except FATAL:
            raise
        except Exception as error:
            # Whatever a storage by somebody else raises.
            if isinstance(error, FileNotFoundError) and self._is_gone(item):
                return Outcome(item, Verdict.GONE, "is gone from the source")
            return Outcome(item, Verdict.FAILED, f"{type(error).__name__}: {error}")

    def _is_gone(self, item: Item) -> bool:
        with suppress(Exception):
            return self.source.find(item.name) is None
        return False

    def _run(self, item: Item, found: Item | None) -> Outcome:
        if found is not None:
            if self._is_same(item, found):
                return Outcome(item, Verdict.EQUAL)
            if self.verify_only:
                return Outcome(item, Verdict.DIFFERS, "differs")
            # It was listed a while ago.
            found = self.target.find(item.name)
            if found is not None and not self._is_to_replace(item, found):
                return Outcome(item, Verdict.DIFFERS, "differs and is not older: left as it is")
        elif self.verify_only:
            return Outcome(item, Verdict.MISSING, "is missing")
        if not self.dry_run:
            self._copy(item, found)
        return Outcome(item, Verdict.COPIED)

    def _is_same(self, item: Item, found: Item) -> bool:
        """Compare by size and checksum; by reading objects whose checksums say nothing."""
        source, target = self.source, self.target
        if item.etag and (item.size, item.etag) == (found.size, found.etag):
            return True
        raw = self._raw and item.size == found.size
        if item.size != found.size:
            ours, theirs = source.content_size(item), target.content_size(found)
            if ours is not None and theirs is not None and ours != theirs:
                return False
        known = source.known(item, target.part_size(found))
        if known & target.known(found, source.part_size(item)):
            return True
        if not self.verify_only and target.copied(found) in known:
            return True
        if not (isinstance(source, Bucket) or isinstance(target, Bucket)):
            return False
        return source.measure(item, raw=raw) == target.measure(found, raw=raw)

    def _is_to_replace(self, item: Item, found: Item) -> bool:
        """Say whether the target's file is an earlier copy from there, or at least the older one.

        A site that writes to the target already has the last word there.
        """
        if self.target.copied(found, self.source.origin):
            return True
        ours, theirs = self.source.modified(item), self.target.modified(found)
        return ours is not None and theirs is not None and ours > theirs

    def _copy(self, item: Item, found: Item | None) -> None:
        source, target = self.source, self.target
        if (
            isinstance(source, Bucket)
            and isinstance(target, Bucket)
            and target.can_take_from(source, item)
        ):
            try:
                target.take_from(source, item, found)
                return
            except (errors.AccessDenied, errors.BucketNotFound, errors.NotSupported, Damaged):
                pass  # the server cannot do it, or not as well: who may not read the source, say
        try:
            self._send(item, found)
        except _Doubtful:
            self._send(item, found, read_twice=True)

    def _send(self, item: Item, found: Item | None, *, read_twice: bool = False) -> None:
        content = self.source.open(item, raw=self._raw)
        with content.file as file:
            expected, part_size = content.etag, content.part_size
            if read_twice or not expected:
                # No checksum came with it: two readings are to agree.
                expected, content.size = self.source.measure(item, raw=self._raw)
                part_size = 0
            checked = Checked(file, content.size, expected, part_size)
            try:
                self.target.store(item.name, checked, content, found)
            except Damaged as error:
                if read_twice or content.etag_is_checksum or not content.etag:
                    raise
                raise _Doubtful from error


class _Doubtful(Exception):
    """What was read is not what its ETag says, but that may be of uneven parts or of ciphertext."""


def writers_of(place: Place) -> Iterator[str]:
    """Yield the aliases that write to a place besides what is copied there."""
    for alias in storages.backends:
        storage = storages[alias]
        if isinstance(storage, DualReadStorage) and storage.new is place.storage:
            yield alias


def referenced(places: Iterable[Place], prefix: str) -> set[str]:
    """Return the names below the prefix that FileFields, and MINIO_REFERENCES, refer to.

    Those of fields that store elsewhere in what holds one of the places count too: one server may
    have two addresses.
    """
    places = list(places)
    found = {name for place in places for name in _told_of(place)}
    for model, field in orphans.file_fields():
        for storage in dual.parts(field.storage):
            holder, here = _place("", storage).root
            within = {there for other, there in (place.root for place in places) if other == holder}
            rows = Reference(model, field, cast(Any, storage)).rows() if within else ()
            for path in (here + name for _, name in rows):
                found |= {path[len(there) :] for there in within if path.startswith(there)}
    return {name for name in found if name.startswith(prefix)}


def _told_of(place: Place) -> Iterator[str]:
    if isinstance(place, Bucket):
        yield from orphans.further(place.storage)
