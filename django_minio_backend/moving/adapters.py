"""Django storages as the two ends of a move: their files are listed, read and stored."""

from __future__ import annotations

import datetime
import hashlib
import io
import posixpath
import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.files.base import File
from django.utils import timezone

from django_minio_backend.s3.checksums import (
    Checked,
    Damaged,
    compute_checksum,
    compute_checksums,
)
from django_minio_backend.storage.metadata import FileStat

WRITTEN_MEANWHILE = "It was written meanwhile, and left as it is."
# The name of an unfinished file in a folder. An interrupted run may leave one.
_PARTIAL = re.compile(r"(.*/)?\.[0-9a-f]{16}\.partial")
_NO_NAMES = {"", ".", ".."}


@dataclass(frozen=True, slots=True)
class Item:
    """A file of a storage. `size` is bytes. The other fields tell its versions apart."""

    name: str
    size: int
    etag: str = ""
    #: The time at which it was stored, as its storage writes it.
    stamp: str = ""
    #: The reason why it can be neither read nor compared; "" if it can.
    fault: str = ""
    #: The `version` of the file that this is a checked copy of; "" if that is unknown.
    copy_of: str = field(default="", compare=False)
    #: The object's HEAD, if it was asked for.
    stat: FileStat | None = field(default=None, compare=False, repr=False)

    def has_etag_of(self, other: Item) -> bool:
        """Return True if both have one ETag and one size."""
        return bool(self.etag) and (self.size, self.etag) == (other.size, other.etag)

    def is_version_of(self, other: Item | None) -> bool:
        """Return True if this is the same file, as far as both items know."""
        if other is None or (self.size, self.etag) != (other.size, other.etag):
            return False
        # An ETag says more than a time, which listings and HEADs write differently.
        return bool(self.etag) or self.stamp == other.stamp


@dataclass
class Content:
    """A file that is open for reading. `size` is bytes. `modified` is None if it is unknown."""

    file: Any
    size: int
    modified: datetime.datetime | None
    content_type: str | None = None
    #: The object's ETag. Its parts have `part_size` bytes; 0 if it has no parts.
    etag: str = ""
    part_size: int = 0
    #: True: if the content does not match the ETag, it is damaged.
    etag_is_checksum: bool = False
    #: True: the ETag is that of ciphertext, and says nothing about the content.
    is_encrypted: bool = False
    #: The object's own headers; None if the file is no object.
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    #: The fingerprint of its storage.
    fingerprint: str = ""
    #: The `version` of the file; "" if it may change without another one.
    version: str = ""


class NoFile(OSError):
    """A folder has an entry of this name that is no file."""


class Adapter:
    """Any Django storage."""

    #: True: one listing has the ETags of all files, and costs a request per 1,000.
    lists_cheaply = False
    #: True: to know a file's checksum, it has to be read.
    reads_for_checksums = True
    #: True: damage in transit stays unseen if no checksum shows it.
    may_hide_damage = False

    def __init__(self, alias: str, storage: Any) -> None:
        self.alias = alias
        self.storage = storage

    @property
    def container_and_prefix(self) -> tuple[Hashable, str]:
        """The bucket or disk, and the prefix of all names in it: "" or ending in "/"."""
        bucket = getattr(self.storage, "bucket_name", None)
        if not isinstance(bucket, str):
            return id(self.storage), ""
        location = str(getattr(self.storage, "location", "")).strip("/")
        return ("bucket", bucket), f"{location}/" if location else ""

    @property
    def server(self) -> str:
        """The address of the server, "" if there is none."""
        return str(getattr(self.storage, "endpoint_url", None) or "").rstrip("/")

    @property
    def fingerprint(self) -> str:
        """A hash that is the same for the same storage in another process."""
        container, prefix = self.container_and_prefix
        is_unnamed = isinstance(container, int)
        text = self.alias if is_unnamed else f"{self.server}{container}{prefix}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def version_of(self, item: Item) -> str:
        """Return a text that names the storage and the version of a file, "" if there is none."""
        return ""

    def list_copies(self, prefix: str) -> Iterator[Item]:
        """Yield the files as `list_items` does, with `copy_of` if that costs no request more."""
        return self.list_items(prefix)

    def list_items(self, prefix: str) -> Iterator[Item]:
        """Yield the files whose names begin with `prefix`.

        Raises FileNotFoundError if the storage itself does not exist. A prefix may be missing.
        """
        waiting = [prefix.rpartition("/")[0]]
        while waiting:
            folder = waiting.pop()
            try:
                folders, files = self._list_folder(folder)
            except OSError as error:
                if not folder or isinstance(error, FileNotFoundError | ConnectionError):
                    raise
                yield Item(f"{folder}/", 0, fault=f"cannot be listed: {error}")
                continue
            for name in (posixpath.join(folder, file) for file in files):
                if name.startswith(prefix) and not _PARTIAL.fullmatch(name):
                    yield self._inspect(name)
            for name in folders:
                # "", "." and ".." would lead in circles. Reading the item reports the fault.
                if name in _NO_NAMES:
                    yield Item(f"{folder}/{name}/", 0)
                else:
                    waiting.append(posixpath.join(folder, name))

    def _list_folder(self, folder: str) -> tuple[list[str], list[str]]:
        try:
            folders, files = self.storage.listdir(folder)
        except FileNotFoundError:
            if folder:
                self.storage.listdir("")
                return [], []
            raise
        return folders, files

    def _inspect(self, name: str) -> Item:
        try:
            return self._make_item(name)
        except NoFile as error:
            return Item(name, 0, fault=str(error))
        except OSError:
            return Item(name, 0)  # reading it fails too, and reports the reason

    def _make_item(self, name: str) -> Item:
        return Item(name, self.storage.size(name))

    def find(self, name: str) -> Item | None:
        return self._make_item(name) if self.storage.exists(name) else None

    def list_names_from_hook(self) -> Iterable[str]:
        """Return the names that MINIO_REFERENCES of the storage gives."""
        return ()

    def list_foreign_prefixes(self) -> tuple[str, ...]:
        """Return the prefixes of names in this storage that are other storages' files."""
        return ()

    def read_content_size(self, item: Item) -> int | None:
        """Return how many bytes reading the file gives, None if only reading it tells."""
        return None

    def read_modified(self, item: Item) -> datetime.datetime | None:
        """Return the time at which the file was modified, aware; None if it is unknown."""
        try:
            modified: datetime.datetime = self.storage.get_modified_time(item.name)
        except NotImplementedError:
            return None
        return modified if timezone.is_aware(modified) else timezone.make_aware(modified)

    def open(self, item: Item, *, raw: bool = False) -> Content:
        """Open a file. With `raw` a compressed object is read as it is stored."""
        file = self.storage.open(item.name)
        # A file of django-storages has the object's type there.
        kind = getattr(getattr(file, "obj", None), "content_type", None)
        modified = self.read_modified(item)
        return Content(file, item.size, modified, kind, fingerprint=self.fingerprint)

    def measure(self, item: Item, *, raw: bool = False) -> tuple[str, int]:
        """Read a file; return its MD5 and its size."""
        with self.open(item, raw=raw).file as file:
            return compute_checksum(file)

    def read_part_size(self, item: Item) -> int:
        """Return the size in bytes of the parts of the item's ETag, 0 if it has no parts."""
        return 0

    def read_part_sizes(self, item: Item, etag: str) -> list[int]:
        """Return the size in bytes of each part of this ETag."""
        return []

    @property
    def has_reliable_etags(self) -> bool:
        """True if the ETag of an object in parts is always made of the MD5s of its parts."""
        return False

    def list_checksums(self, item: Item, part_size: int) -> set[str]:
        """Return the known checksums of a file. A file in no bucket is read for them."""
        with self.open(item).file as file:
            return set(compute_checksums(file, {0, part_size})[0])

    def read_source_checksum(self, item: Item, fingerprint: str = "") -> str:
        """Return the checksum that the source of a copy had, "" if it is unknown.

        With `fingerprint` a copy from another storage does not count.
        """
        return ""

    def sends_raw_to(self, target: Adapter) -> bool:
        """Return True if compressed objects are copied as they are stored."""
        return False

    def copy_from(self, source: Adapter, item: Item, target_item: Item | None) -> bool:
        """Let the server copy a file. Return False, with nothing stored, if it does not."""
        return False

    def store(
        self, name: str, checked: Checked, content: Content, target_item: Item | None
    ) -> None:
        """Store a file in the place of `target_item`, or under a free name without it.

        Raises FileExistsError if another file is there by now, or if the storage does not replace
        files. Raises Damaged if the stored file differs from what was read.
        """
        self._check(name, target_item)
        if self.storage.get_available_name(name) != name:
            raise FileExistsError(f"It is there already and '{self.alias}' replaces no files.")
        file = File(io.BufferedReader(checked))
        if kind := content.content_type:
            file.content_type = kind  # type: ignore[attr-defined]
        saved = self.storage.save(name, file)
        if saved != name:
            raise FileExistsError(f"It was stored as '{saved}': '{self.alias}' renames it.")
        try:
            self._verify(name, checked)
        except Damaged:
            if target_item is None:
                self.storage.delete(name)
            raise

    def _check(self, name: str, target_item: Item | None) -> None:
        """Raise FileExistsError if the file is not `target_item` any more."""
        now = self.find(name)
        if now is not target_item and (now is None or not now.is_version_of(target_item)):
            raise FileExistsError(WRITTEN_MEANWHILE)

    def _verify(self, name: str, checked: Checked) -> None:
        with self.storage.open(name) as file:
            if compute_checksum(file, checked.part_size, checked.sizes)[0] != checked.checksum:
                raise Damaged(f"'{name}' was stored with another checksum than it was read with.")

    def delete(self, names: Sequence[str]) -> dict[str, str]:
        """Delete files. Return the reason for each one that could not be deleted."""
        failed = {}
        for name in names:
            try:
                self.storage.delete(name)
            except OSError as error:
                failed[name] = str(error)
        return failed
