"""Files moved from one storage to another: compared, copied where they differ, and checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

from django_minio_backend import dual, errors, orphans
from django_minio_backend.checksums import Checked, Damaged
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.orphans import Reference
from django_minio_backend.places import Bucket, Item, Place, kind_of, place_of

#: What fails for one file and would fail for all others.
FATAL = (
    errors.BucketNotFound,
    errors.ClockSkew,
    errors.InvalidCredentials,
    errors.ServerUnreachable,
    errors.StorageFull,
    errors.WrongRegion,
)


class Verdict(Enum):
    """What became of a file."""

    COPIED = "copied"
    EQUAL = "there already"
    DIFFERS = "differ"
    MISSING = "missing"
    GONE = "gone meanwhile"
    FAILED = "failed"


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
        (one, here), (other, there) = made.source.root, made.target.root
        if one == other and (here.startswith(there) or there.startswith(here)):
            raise ConfigurationError(
                f"'{source}' and '{target}' are one place, or one in the other."
            )
        return made

    @property
    def _raw(self) -> bool:
        """Whether objects go as they are stored, compressed ones too."""
        return isinstance(self.source, Bucket) and isinstance(self.target, Bucket)

    def run(self, item: Item, found: Item | None) -> Outcome:
        """Do what is to be done about a file, where the target has `found` of its name.

        Raises what is FATAL; all else is the outcome of this one file.
        """
        try:
            return self._run(item, found)
        except FATAL:
            raise
        except Exception as error:
            # Whatever a storage by somebody else raises.
            if isinstance(error, FileNotFoundError) and self.source.find(item.name) is None:
                return Outcome(item, Verdict.GONE)
            return Outcome(item, Verdict.FAILED, f"{type(error).__name__}: {error}")

    def _run(self, item: Item, found: Item | None) -> Outcome:
        if found is not None:
            if self._is_same(item, found):
                return Outcome(item, Verdict.EQUAL)
            if self.verify_only:
                return Outcome(item, Verdict.DIFFERS, "differs")
            if not self._is_to_replace(item, found):
                return Outcome(item, Verdict.DIFFERS, "differs and is not older: left as it is")
        elif self.verify_only:
            return Outcome(item, Verdict.MISSING, "is missing")
        if not self.dry_run:
            self._copy(item, replacing=found is not None)
        return Outcome(item, Verdict.COPIED)

    def _is_same(self, item: Item, found: Item) -> bool:
        """Compare by size and checksum; by reading objects whose checksums say nothing."""
        source, target = self.source, self.target
        if item.etag and (item.size, item.etag) == (found.size, found.etag):
            return True
        if item.size != found.size and (
            self._raw or source.content_size(item) != target.content_size(found)
        ):
            return False
        known = source.known(item, target.part_size(found))
        if known & target.known(found, source.part_size(item)):
            return True
        if not self.verify_only and target.copied(found) in known:
            return True
        if not (isinstance(source, Bucket) or isinstance(target, Bucket)):
            return False
        raw = self._raw
        return source.checksum(item, raw=raw) == target.checksum(found, raw=raw)

    def _is_to_replace(self, item: Item, found: Item) -> bool:
        """Say whether the target's file is an earlier copy, or at least the older one.

        A site that writes to the target already has the last word there.
        """
        if self.target.copied(found):
            return True
        ours, theirs = self.source.stored_at(item), self.target.stored_at(found)
        return ours is not None and theirs is not None and ours > theirs

    def _copy(self, item: Item, *, replacing: bool) -> None:
        source, target = self.source, self.target
        if (
            isinstance(source, Bucket)
            and isinstance(target, Bucket)
            and target.can_take_from(source, item)
        ):
            try:
                target.take_from(source, item, replacing=replacing)
                return
            except errors.AccessDenied:
                pass  # the target's credentials may not read the source
        try:
            self._send(item, replacing=replacing)
        except _Doubtful:
            self._send(item, replacing=replacing, read_twice=True)

    def _send(self, item: Item, *, replacing: bool, read_twice: bool = False) -> None:
        content = self.source.open(item, raw=self._raw)
        with content.file as file:
            expected, part_size = content.etag, content.part_size
            if read_twice or not expected:
                # No checksum came with it: two readings are to agree.
                expected, part_size = self.source.checksum(item, raw=self._raw), 0
            checked = Checked(file, content.size, expected, part_size)
            try:
                self.target.store(item.name, checked, content, replacing=replacing)
            except Damaged as error:
                if content.etag_is_checksum or expected != content.etag:
                    raise
                raise _Doubtful from error


class _Doubtful(Exception):
    """What was read is not what its ETag says, but that may be of uneven parts or of ciphertext."""


def referenced(transfer: Transfer, prefix: str) -> set[str]:
    """Return the names below the prefix that FileFields of either storage, or of both, refer to."""
    places = (transfer.source, transfer.target)
    roots = {place.root for place in places}
    found = {name for place in places for name in _told_of(place)}
    for model, field in orphans.file_fields():
        if any(kind_of(part)("", part).root in roots for part in dual.parts(field.storage)):
            rows = Reference(model, field, cast(Any, field.storage)).rows()
            found |= {name for _, name in rows}
    return {name for name in found if name.startswith(prefix)}


def _told_of(place: Place) -> Iterator[str]:
    if isinstance(place, Bucket):
        yield from orphans.further(place.storage)
