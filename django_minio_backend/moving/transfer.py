"""The files of one storage copied to another: compared first, and checked afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

from django.contrib.staticfiles.storage import StaticFilesStorage
from django.core.files.storage import FileSystemStorage, InvalidStorageError, Storage, storages

from django_minio_backend import errors
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.moving.adapters import Adapter, Item
from django_minio_backend.moving.filesystem import FileSystemAdapter
from django_minio_backend.moving.minio import MinioAdapter
from django_minio_backend.parallel import run_parallel
from django_minio_backend.references import derived
from django_minio_backend.references.fields import Reference, list_file_fields
from django_minio_backend.s3.checksums import Checked, Damaged
from django_minio_backend.storage.backend import MinioBackend
from django_minio_backend.storage.dual import list_parts

#: The errors that would fail for all other files too.
FATAL = (
    errors.BucketNotFound,
    errors.ClockSkew,
    errors.InvalidCredentials,
    errors.ServerUnreachable,
    errors.StorageFull,
    errors.WrongRegion,
)


def find_adapter(alias: str) -> Adapter:
    """Return the storage of an alias. Raises ConfigurationError if it cannot be one end."""
    try:
        parts = list_parts(storages[alias])
    except InvalidStorageError as error:
        if alias in storages.backends:
            raise ConfigurationError(f"'{alias}' cannot be made: {error}") from error
        aliases = ", ".join(storages.backends)
        raise ConfigurationError(f"'{alias}' is not in STORAGES, which has: {aliases}.") from error
    except (KeyError, TypeError) as error:
        # A missing BACKEND, or OPTIONS that its class does not take.
        reason = f"{type(error).__name__}: {error}"
        raise ConfigurationError(f"'{alias}' cannot be made: {reason}") from error
    # Django takes an empty MEDIA_ROOT for the current directory: the project and its secrets.
    if isinstance(parts[0], FileSystemStorage) and not parts[0].base_location:
        is_static = isinstance(parts[0], StaticFilesStorage)
        setting = "STATIC_ROOT" if is_static else "MEDIA_ROOT or its location"
        raise ConfigurationError(f"'{alias}' has no folder: set {setting}.")
    if len(parts) > 1:
        raise ConfigurationError(f"'{alias}' is a DualReadStorage: name one of its two aliases.")
    return make_adapter(alias, parts[0])


def make_adapter(alias: str, storage: Storage) -> Adapter:
    if isinstance(storage, MinioBackend):
        return MinioAdapter(alias, storage)
    if isinstance(storage, FileSystemStorage):
        return FileSystemAdapter(alias, storage)
    return Adapter(alias, storage)


class Verdict(Enum):
    """The result for one file."""

    COPIED = "copied"
    EQUAL = "there already"
    DIFFERS = "differ"
    MISSING = "missing"
    GONE = "gone from the source"
    UNPROVEN = "copied and not proven"
    FAILED = "failed"


#: The verdicts on files that are not the same in the end.
DIFFERENCES = (
    Verdict.DIFFERS,
    Verdict.MISSING,
    Verdict.GONE,
    Verdict.UNPROVEN,
    Verdict.FAILED,
)


@dataclass(frozen=True)
class Outcome:
    """A file, its verdict, and the reason if the verdict does not say it all."""

    item: Item
    verdict: Verdict
    detail: str = ""


@dataclass(frozen=True)
class Transfer:
    """A copy from one alias of STORAGES to another."""

    source: Adapter
    target: Adapter
    #: Compare the contents and change nothing.
    verify_only: bool = False
    dry_run: bool = False

    @classmethod
    def between(cls, source: str, target: str, **options: bool) -> Transfer:
        """Return the transfer between two aliases. Raises ConfigurationError if they overlap."""
        transfer = cls(find_adapter(source), find_adapter(target), **options)
        if transfer._overlaps and transfer.source.server == transfer.target.server:
            raise ConfigurationError(
                f"'{source}' and '{target}' are one place, or one in the other."
            )
        return transfer

    @property
    def _overlaps(self) -> bool:
        source, source_prefix = self.source.container_and_prefix
        target, target_prefix = self.target.container_and_prefix
        is_nested = source_prefix.startswith(target_prefix) or target_prefix.startswith(
            source_prefix
        )
        return source == target and is_nested

    @property
    def may_be_nested(self) -> bool:
        """True if one may contain the other: a server may have two addresses."""
        return (
            self._overlaps and self.source.container_and_prefix != self.target.container_and_prefix
        )

    @property
    def _is_raw(self) -> bool:
        """True if objects are copied as they are stored, also compressed ones."""
        return self.source.sends_raw_to(self.target)

    def list_target_items(self, prefix: str) -> Iterator[Item]:
        """Yield the target's files; none if its folder does not exist yet."""
        list_items = self.target.list_items if self.verify_only else self.target.list_copies
        with suppress(FileNotFoundError):
            yield from list_items(prefix)

    def run_all(
        self, items: Iterable[Item], find: Callable[[str], Item | None], workers: int
    ) -> Iterator[Outcome]:
        """Yield the outcomes of the files, several at once. A FATAL error ends it."""
        return run_parallel(
            lambda item: self.run(item, find),
            items,
            workers,
            at_once=lambda item: self._compare_listed(item, find),
            name="copy",
        )

    def _compare_listed(self, item: Item, find: Callable[[str], Item | None]) -> Outcome | None:
        """Return the outcome of a file that is there already, if the listings show it."""
        version = self.source.version_of(item)
        if not (item.etag or version) or item.fault or not self.target.lists_cheaply:
            return None
        there = find(item.name)
        if there is None or item.size != there.size:
            return None
        is_same = item.has_etag_of(there) or (version and version == there.copy_of)
        return Outcome(item, Verdict.EQUAL) if is_same else None

    def run(self, item: Item, find: Callable[[str], Item | None]) -> Outcome:
        """Compare a file, and copy it if it differs. `find` returns the target's file of a name.

        Raises FATAL errors. All others are the outcome of this file.
        """
        if item.fault:
            return Outcome(item, Verdict.FAILED, item.fault)
        try:
            return self._run(item, find(item.name))
        except FATAL:
            raise
        except Exception as error:
            # Other packages' storages may raise anything.
            if isinstance(error, FileNotFoundError) and self._is_gone(item):
                return Outcome(item, Verdict.GONE, "is gone from the source")
            return Outcome(item, Verdict.FAILED, f"{type(error).__name__}: {error}")

    def _is_gone(self, item: Item) -> bool:
        with suppress(Exception):
            return self.source.find(item.name) is None
        return False

    def _run(self, item: Item, target_item: Item | None) -> Outcome:
        if target_item is not None:
            if self._is_same(item, target_item):
                return Outcome(item, Verdict.EQUAL)
            if self.verify_only:
                return Outcome(item, Verdict.DIFFERS, "differs")
            # The target was listed some time ago.
            target_item = self.target.find(item.name)
            if target_item is not None and not self._may_replace(item, target_item):
                return Outcome(item, Verdict.DIFFERS, "differs and is not older: left as it is")
        elif self.verify_only:
            return Outcome(item, Verdict.MISSING, "is missing")
        if not self.dry_run and not self._copy(item, target_item):
            detail = "was copied, and could not be proven to be the same: its ETag is no checksum"
            return Outcome(item, Verdict.UNPROVEN, detail)
        return Outcome(item, Verdict.COPIED)

    def _is_same(self, item: Item, target_item: Item) -> bool:
        """Compare sizes and checksums. Read both files if their checksums say nothing."""
        source, target = self.source, self.target
        if item.has_etag_of(target_item):
            return True
        is_raw = self._is_raw and item.size == target_item.size
        if item.size != target_item.size:
            sizes = source.read_content_size(item), target.read_content_size(target_item)
            if None not in sizes and sizes[0] != sizes[1]:
                return False
        checksums = source.list_checksums(item, target.read_part_size(target_item))
        if checksums & target.list_checksums(target_item, source.read_part_size(item)):
            return True
        if not self.verify_only and target.read_source_checksum(target_item) in checksums:
            return True
        if source.reads_for_checksums and target.reads_for_checksums:
            return False
        return source.measure(item, raw=is_raw) == target.measure(target_item, raw=is_raw)

    def _may_replace(self, item: Item, target_item: Item) -> bool:
        """Return True if the target's file is an earlier copy of this one, or is older.

        A site that writes to the target already has the last word there.
        """
        if self.target.read_source_checksum(target_item, self.source.fingerprint):
            return True
        modified = self.source.read_modified(item)
        target_modified = self.target.read_modified(target_item)
        return modified is not None and target_modified is not None and modified > target_modified

    def _copy(self, item: Item, target_item: Item | None) -> bool:
        """Copy a file. Return True if the copy is proven to be the same."""
        if self.target.copy_from(self.source, item, target_item):
            return True
        try:
            self._send(item, target_item)
            return True
        except _Doubtful as doubt:
            return self._send_in_doubt(item, target_item, doubt)

    def _send_in_doubt(self, item: Item, target_item: Item | None, doubt: _Doubtful) -> bool:
        """Copy a file whose ETag may have uneven parts. Return True if the copy is proven."""
        sizes = [] if doubt.is_encrypted else self.source.read_part_sizes(item, doubt.etag)
        if sizes:
            try:
                self._send(item, target_item, sizes=sizes)
                return True
            except Damaged:
                if self.source.has_reliable_etags:
                    raise
        self._send(item, target_item, read_twice=True)
        # Damage that repeats is the same in both readings. TLS lets none through.
        return not self.source.may_hide_damage

    def _send(
        self,
        item: Item,
        target_item: Item | None,
        *,
        sizes: Sequence[int] = (),
        read_twice: bool = False,
    ) -> None:
        content = self.source.open(item, raw=self._is_raw)
        with content.file as file:
            expected, part_size = content.etag, 0 if sizes else content.part_size
            if read_twice or not expected:
                # Without a checksum two readings must agree.
                expected, content.size = self.source.measure(item, raw=self._is_raw)
                part_size = 0
            checked = Checked(file, content.size, expected, part_size, sizes)
            try:
                self.target.store(item.name, checked, content, target_item)
            except Damaged as error:
                if sizes or read_twice or content.etag_is_checksum or not content.etag:
                    raise
                raise _Doubtful(content.etag, content.is_encrypted) from error


class _Doubtful(Exception):
    """The content does not match its ETag, which may be of uneven parts or of ciphertext."""

    def __init__(self, etag: str, is_encrypted: bool) -> None:
        super().__init__(etag)
        self.etag, self.is_encrypted = etag, is_encrypted


def find_names_in_rows(adapters: Iterable[Adapter], prefix: str) -> Iterator[str]:
    """Yield the names below the prefix that rows and MINIO_REFERENCES refer to.

    Former rows and the files that other apps derive count as rows. Fields of other storages count
    too if they use the same bucket or folder: a server may have two addresses.
    """
    adapters = list(adapters)
    for adapter in adapters:
        yield from (name for name in adapter.list_names_from_hook() if name.startswith(prefix))
    places = [adapter.container_and_prefix for adapter in adapters]
    for model, field in list_file_fields():
        for storage in derived.list_field_storages(field):
            container, own_prefix = make_adapter("", storage).container_and_prefix
            within = {start for other, start in places if other == container}
            reference = Reference(model, field, cast(Any, storage))
            for path in (own_prefix + name for name in reference.list_names() if within):
                names = [path[len(start) :] for start in within if path.startswith(start)]
                yield from (name for name in names if name.startswith(prefix))
