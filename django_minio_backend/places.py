"""Django storages as the ends of a move: what they hold, and how it is read and stored."""

from __future__ import annotations

import datetime
import hashlib
import io
import os
import posixpath
import re
import secrets
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.files.base import File
from django.utils import timezone

from django_minio_backend.answers import ObjectStat
from django_minio_backend.checksums import Checked, Damaged, checksum_of, checksums_of

WRITTEN_MEANWHILE = "It was written meanwhile, and left as it is."
# What a Folder calls a file that is not all there; an interrupted run may leave one.
_PARTIAL = re.compile(r"(.*/)?\.[0-9a-f]{16}\.partial")
_NO_NAMES = {"", ".", ".."}


@dataclass(frozen=True, slots=True)
class Item:
    """A file of a storage. `size` is bytes; what else is known tells one version from another."""

    name: str
    size: int
    etag: str = ""
    #: When it was put there, as its storage writes it.
    stamp: str = ""
    #: What a HEAD said of an object.
    stat: ObjectStat | None = field(default=None, compare=False, repr=False)

    def is_version_of(self, other: Item | None) -> bool:
        """Say whether this is the same file as far as both tell."""
        if other is None or (self.size, self.etag) != (other.size, other.etag):
            return False
        # An ETag tells more than a time, which listings and HEADs write differently.
        return bool(self.etag) or self.stamp == other.stamp


@dataclass
class Content:
    """A file that is open for reading. `size` is bytes; `modified` None where nobody knows."""

    file: Any
    size: int
    modified: datetime.datetime | None
    content_type: str | None = None
    #: The ETag of an object, whose parts have `part_size` bytes, 0 where it is not made of parts.
    etag: str = ""
    part_size: int = 0
    #: Whether what does not match the ETag is damaged.
    etag_is_checksum: bool = False
    #: An object's own headers; None where the file is none.
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    #: The place that it is of.
    origin: str = ""


class Place:
    """Any Django storage."""

    def __init__(self, alias: str, storage: Any) -> None:
        self.alias = alias
        self.storage = storage

    @property
    def root(self) -> tuple[Hashable, str]:
        """What holds the files, and where in there they are, "" or with a slash at its end."""
        bucket = getattr(self.storage, "bucket_name", None)
        if not isinstance(bucket, str):
            return id(self.storage), ""
        location = str(getattr(self.storage, "location", "")).strip("/")
        return ("bucket", bucket), f"{location}/" if location else ""

    @property
    def server(self) -> str:
        """The address of the server, "" where there is none."""
        return str(getattr(self.storage, "endpoint_url", None) or "").rstrip("/")

    @property
    def origin(self) -> str:
        """What the place is known by in another process, for marks; it tells nothing else."""
        holder, prefix = self.root
        known = self.alias if isinstance(holder, int) else f"{self.server}{holder}{prefix}"
        return hashlib.sha256(known.encode()).hexdigest()[:16]

    def items(self, prefix: str) -> Iterator[Item]:
        """Yield the files whose name begins with `prefix`.

        Raises FileNotFoundError where the storage itself is not there, unlike the prefix in it.
        """
        waiting = [prefix.rpartition("/")[0]]
        while waiting:
            folder = waiting.pop()
            folders, files = self._listed(folder)
            for name in (posixpath.join(folder, file) for file in files):
                if name.startswith(prefix) and not _PARTIAL.fullmatch(name):
                    yield self._seen(name)
            for name in folders:
                # What has no name in Django would lead in circles; it is told of when it is read.
                if name in _NO_NAMES:
                    yield Item(f"{folder}/{name}/", 0)
                else:
                    waiting.append(posixpath.join(folder, name))

    def _listed(self, folder: str) -> tuple[list[str], list[str]]:
        try:
            found: tuple[list[str], list[str]] = self.storage.listdir(folder)
            return found
        except FileNotFoundError:
            if folder:
                self.storage.listdir("")
                return [], []
            raise

    def _seen(self, name: str) -> Item:
        try:
            return self._item(name)
        except OSError:
            return Item(name, 0)  # which cannot be read either, and is told of then

    def _item(self, name: str) -> Item:
        return Item(name, self.storage.size(name))

    def find(self, name: str) -> Item | None:
        return self._item(name) if self.storage.exists(name) else None

    def content_size(self, item: Item) -> int | None:
        """Return how many bytes reading the file gives; None where only reading it tells."""
        return None

    def modified(self, item: Item) -> datetime.datetime | None:
        """Return when the file was modified, aware; None where nobody knows."""
        try:
            found: datetime.datetime = self.storage.get_modified_time(item.name)
        except NotImplementedError:
            return None
        return found if timezone.is_aware(found) else timezone.make_aware(found)

    def open(self, item: Item, *, raw: bool = False) -> Content:
        """Open a file; with `raw` one that is stored compressed as it is."""
        file = self.storage.open(item.name)
        # django-storages knows an object's type there.
        kind = getattr(getattr(file, "obj", None), "content_type", None)
        return Content(file, item.size, self.modified(item), kind, origin=self.origin)

    def measure(self, item: Item, *, raw: bool = False) -> tuple[str, int]:
        """Return the MD5 of a file, and its size, by reading it."""
        with self.open(item, raw=raw).file as file:
            return checksum_of(file)

    def part_size(self, item: Item) -> int:
        """Return the size in bytes of the parts that its ETag is of, 0 where it is of none."""
        return 0

    def known(self, item: Item, part_size: int) -> set[str]:
        """Return the checksums that a file is known to have; one in no bucket is read for it."""
        with self.open(item).file as file:
            return set(checksums_of(file, {0, part_size})[0])

    def copied(self, item: Item, origin: str = "") -> str:
        """Return the checksum of what a file is a copy of, "" where that is not known.

        With `origin` it counts only as a copy of something there.
        """
        return ""

    def store(self, name: str, checked: Checked, content: Content, found: Item | None) -> None:
        """Store a file under this name, in the place of `found` or where there is none.

        Raises FileExistsError where that is not what is there, or where the storage leaves what is
        there; Damaged where what it has stored is not what it was given.
        """
        self._check(name, found)
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
            if found is None:
                self.storage.delete(name)
            raise

    def _check(self, name: str, found: Item | None) -> None:
        """Raise FileExistsError where something else is there than was found."""
        now = self.find(name)
        if now is not found and (now is None or not now.is_version_of(found)):
            raise FileExistsError(WRITTEN_MEANWHILE)

    def _verify(self, name: str, checked: Checked) -> None:
        with self.storage.open(name) as file:
            if checksum_of(file, checked.part_size)[0] != checked.checksum:
                raise Damaged(f"'{name}' was stored with another checksum than it was read with.")

    def delete(self, names: Sequence[str]) -> dict[str, str]:
        """Delete files; return those that could not be, and why."""
        failed = {}
        for name in names:
            try:
                self.storage.delete(name)
            except OSError as error:
                failed[name] = str(error)
        return failed


class Folder(Place):
    """A FileSystemStorage: files come whole, by another name first, and keep their times."""

    @property
    def root(self) -> tuple[Hashable, str]:
        return "files", os.path.join(os.path.realpath(self.storage.location), "")

    def _item(self, name: str) -> Item:
        found = os.stat(self.storage.path(name))
        return Item(name, found.st_size, stamp=str(found.st_mtime_ns))

    def content_size(self, item: Item) -> int | None:
        return item.size

    def store(self, name: str, checked: Checked, content: Content, found: Item | None) -> None:
        partial = posixpath.join(posixpath.dirname(name), f".{secrets.token_hex(8)}.partial")
        try:
            super().store(partial, checked, content, None)
            if content.modified is not None:
                os.utime(self.storage.path(partial), (content.modified.timestamp(),) * 2)
            self._put_in_place(partial, name, found)
        finally:
            self.storage.delete(partial)

    def _put_in_place(self, partial: str, name: str, found: Item | None) -> None:
        new, final = self.storage.path(partial), self.storage.path(name)
        if found is None:
            _move_where_nothing_is(new, final)
            return
        self._check(name, found)
        # Where a file system takes Photo.jpg for photo.jpg it is another one.
        if os.path.basename(final) not in os.listdir(os.path.dirname(final)):
            raise FileExistsError(f"'{self.alias}' takes another file's name for this one.")
        os.replace(new, final)

    def delete(self, names: Sequence[str]) -> dict[str, str]:
        """Delete files, but none that a symbolic link leads to from elsewhere."""
        root = self.root[1]
        linked = {name for name in names if not self._is_below(root, name)}
        told = dict.fromkeys(linked, "A symbolic link leads there.")
        return told | super().delete([name for name in names if name not in linked])

    def _is_below(self, root: str, name: str) -> bool:
        folder = os.path.dirname(self.storage.path(name))
        return os.path.join(os.path.realpath(folder), "").startswith(root)


def _move_where_nothing_is(new: str, final: str) -> None:
    try:
        os.link(new, final)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(final):
            raise FileExistsError(final) from None
        os.rename(new, final)
