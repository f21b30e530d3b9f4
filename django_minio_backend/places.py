"""Django storages as the ends of a move: what they hold, and how it is read and stored."""

from __future__ import annotations

import datetime
import io
import os
import posixpath
import secrets
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, InvalidStorageError, Storage, storages
from django.utils import timezone

from django_minio_backend import dual, headers
from django_minio_backend.answers import MTIME, Entry, ObjectStat, stat_of
from django_minio_backend.checksums import Checked, Damaged, checksum_of
from django_minio_backend.client import MAX_SINGLE_PUT, MOST_DELETED
from django_minio_backend.compression import Compression
from django_minio_backend.errors import ConfigurationError, ObjectNotFound
from django_minio_backend.reader import ObjectReader, open_content
from django_minio_backend.storage import MinioBackend

#: The ETag or MD5 that an object had where `copy_storage` took it from.
SOURCE_ETAG = "x-amz-meta-source-etag"


@dataclass(frozen=True, slots=True)
class Item:
    """A file of a storage. `size` is bytes; an S3 server tells more."""

    name: str
    size: int
    etag: str = ""
    last_modified: str = ""


@dataclass
class Content:
    """A file that is open for reading. `size` is bytes; `modified` None where nobody knows."""

    file: Any
    size: int
    modified: datetime.datetime | None
    #: The ETag of an object, whose parts have `part_size` bytes, 0 where it is not made of parts.
    etag: str = ""
    part_size: int = 0
    #: Whether what does not match the ETag is damaged.
    etag_is_checksum: bool = False
    #: An object's own headers; None where the file is none.
    headers: Mapping[str, str] | None = field(default=None, repr=False)


def place_of(alias: str) -> Place:
    """Return the storage of an alias. Raises ConfigurationError when it is none, or is two."""
    try:
        found = dual.parts(storages[alias])
    except InvalidStorageError as error:
        known = ", ".join(storages.backends)
        raise ConfigurationError(f"'{alias}' is not in STORAGES, which has: {known}.") from error
    if len(found) > 1:
        raise ConfigurationError(f"'{alias}' is a DualReadStorage: name one of its two aliases.")
    return kind_of(found[0])(alias, found[0])


def kind_of(storage: Storage) -> type[Place]:
    if isinstance(storage, MinioBackend):
        return Bucket
    return Folder if isinstance(storage, FileSystemStorage) else Place


class Place:
    """Any Django storage."""

    def __init__(self, alias: str, storage: Any) -> None:
        self.alias = alias
        self.storage = storage

    @property
    def root(self) -> tuple[Hashable, str]:
        """What holds the files, and where in there they are, "" or with a slash at its end."""
        return id(self.storage), ""

    def items(self, prefix: str) -> Iterator[Item]:
        """Yield the files whose name begins with `prefix`."""
        waiting = [prefix.rpartition("/")[0]]
        while waiting:
            folder = waiting.pop()
            folders, files = self.storage.listdir(folder)
            for name in (posixpath.join(folder, file) for file in files):
                if name.startswith(prefix):
                    yield Item(name, self.storage.size(name))
            waiting += [posixpath.join(folder, name) for name in folders]

    def lookup(self, prefix: str) -> Callable[[str], Item | None]:
        """Return what finds the files whose name begins with `prefix`."""
        return self.find

    def find(self, name: str) -> Item | None:
        return Item(name, self.storage.size(name)) if self.storage.exists(name) else None

    def content_size(self, item: Item) -> int:
        """Return how many bytes reading the file gives."""
        return item.size

    def stored_at(self, item: Item) -> datetime.datetime | None:
        """Return when the file was put where it is, aware; None where nobody knows."""
        try:
            found: datetime.datetime = self.storage.get_modified_time(item.name)
        except NotImplementedError:
            return None
        return found if timezone.is_aware(found) else timezone.make_aware(found)

    def open(self, item: Item, *, raw: bool = False) -> Content:
        """Open a file; with `raw` one that is stored compressed as it is."""
        return Content(self.storage.open(item.name), item.size, self.stored_at(item))

    def checksum(self, item: Item, *, raw: bool = False, part_size: int = 0) -> str:
        """Return the checksum of a file by reading it."""
        with self.open(item, raw=raw).file as file:
            return checksum_of(file, part_size)

    def part_size(self, item: Item) -> int:
        """Return the size in bytes of the parts that its ETag is of, 0 where it is of none."""
        return 0

    def known(self, item: Item, part_size: int) -> set[str]:
        """Return the checksums that a file is known to have; one in no bucket is read for it."""
        return {self.checksum(item, part_size=size) for size in {0, part_size}}

    def copied(self, item: Item) -> str:
        """Return the checksum of what a file is known to be a copy of, "" where it is of none."""
        return ""

    def store(self, name: str, checked: Checked, content: Content, *, replacing: bool) -> None:
        """Store a file under this name; unless `replacing`, where there is none.

        Raises FileExistsError where the storage leaves what is there, Damaged where what it has
        stored is not what it was given.
        """
        saved = self.storage.save(name, File(io.BufferedReader(checked)))
        if saved != name:
            self.storage.delete(saved)
            raise FileExistsError(f"It is there already and '{self.alias}' replaces no files.")
        self._verify(name, checked)

    def _verify(self, name: str, checked: Checked) -> None:
        with self.storage.open(name) as file:
            if checksum_of(file, checked.part_size) != checked.checksum:
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

    def store(self, name: str, checked: Checked, content: Content, *, replacing: bool) -> None:
        partial = posixpath.join(posixpath.dirname(name), f".{secrets.token_hex(8)}.partial")
        try:
            super().store(partial, checked, content, replacing=False)
            found, final = self.storage.path(partial), self.storage.path(name)
            if content.modified is not None:
                os.utime(found, (content.modified.timestamp(),) * 2)
            if replacing:
                os.replace(found, final)
            else:
                _move_where_nothing_is(found, final)
        finally:
            self.storage.delete(partial)


def _move_where_nothing_is(found: str, final: str) -> None:
    try:
        os.link(found, final)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(final):
            raise FileExistsError(final) from None
        os.rename(found, final)


class Bucket(Place):
    """A MinioBackend, whose names are keys below its location, whatever Django would call them."""

    storage: MinioBackend

    @property
    def root(self) -> tuple[Hashable, str]:
        return (self.storage.options.endpoint, self.storage.bucket), self._prefix

    @property
    def _prefix(self) -> str:
        location = self.storage.options.location
        return f"{location}/" if location else ""

    def key(self, name: str) -> str:
        return self._prefix + name

    def items(self, prefix: str) -> Iterator[Item]:
        """Yield the objects, a request per 1,000. An empty one that is called a folder is none."""
        for page in self.storage.s3.pages(self.key(prefix)):
            for one in page.entries:
                if one.size or not one.key.endswith("/"):
                    yield self._item(one)

    def _item(self, entry: Entry) -> Item:
        name = entry.key[len(self._prefix) :]
        return Item(name, entry.size, entry.etag, entry.last_modified)

    def lookup(self, prefix: str) -> Callable[[str], Item | None]:
        return {item.name: item for item in self.items(prefix)}.get

    def find(self, name: str) -> Item | None:
        try:
            found = self.storage.s3.stat(self.key(name))
        except ObjectNotFound:
            return None
        return Item(name, found.size, found.etag, found.last_modified.isoformat())

    def content_size(self, item: Item) -> int:
        return self.storage.s3.stat(self.key(item.name)).content_size

    def stored_at(self, item: Item) -> datetime.datetime | None:
        return datetime.datetime.fromisoformat(item.last_modified)

    def part_size(self, item: Item) -> int:
        return self.storage.s3.part_size(self.key(item.name)) if "-" in item.etag else 0

    def known(self, item: Item, part_size: int) -> set[str]:
        return {item.etag}

    def copied(self, item: Item) -> str:
        return self.storage.s3.stat(self.key(item.name)).metadata.get(SOURCE_ETAG, "")

    def open(self, item: Item, *, raw: bool = False) -> Content:
        """Open an object: one request, one more for its tags, its parts, or where it is empty."""
        s3, key = self.storage.s3, self.key(item.name)
        reader = ObjectReader(s3, key)
        if reader.original and not raw:
            reader.close()
            file = open_content(s3, key)
            stat = replace(s3.stat(key), etag="")
            return Content(file, stat.content_size, stat.modified, headers=self._own(stat))
        # An empty object has no bytes in any range, and so no headers in the answer to one.
        stat = stat_of(self.storage.bucket, key, reader.headers) if reader.size else s3.stat(key)
        file = io.BufferedReader(reader)
        part_size = self.part_size(replace(item, etag=stat.etag))
        return Content(
            file,
            reader.size,
            stat.modified,
            stat.etag,
            part_size,
            stat.etag_is_md5,
            self._own(stat),
        )

    def _own(self, stat: ObjectStat) -> Mapping[str, str]:
        found = headers.kept(stat.metadata)
        if int(stat.metadata.get("x-amz-tagging-count", "0")):
            found["x-amz-tagging"] = headers.tagging(self.storage.s3.tags(stat.object_name))
        return found

    def store(self, name: str, checked: Checked, content: Content, *, replacing: bool) -> None:
        upload = replace(
            self.storage._upload(name),
            headers=self._headers(name, content, content.etag or checked.expected),
            only_new=not replacing,
            compression=Compression(),
        )
        # The server compares what arrives with the SHA-256 that it was signed with.
        upload.send(self.storage.s3, self.key(name), File(io.BufferedReader(checked)))

    def can_take_from(self, place: Place, item: Item) -> bool:
        """Say whether the server can copy a file by itself."""
        if not isinstance(place, Bucket) or item.size > MAX_SINGLE_PUT:
            return False
        one, other = self.storage, place.storage
        same_server = one.options.endpoint == other.options.endpoint
        return same_server and not (one.s3.holds_key or other.s3.holds_key)

    def take_from(self, place: Bucket, item: Item, *, replacing: bool) -> None:
        """Have the server copy an object: three requests, none with its content."""
        stat = place.storage.s3.stat(place.key(item.name))
        if not replacing and self.find(item.name):
            raise FileExistsError("It has come there meanwhile.")
        content = Content(None, stat.size, stat.modified, headers=headers.kept(stat.metadata))
        source = f"{place.storage.bucket}/{stat.object_name}"
        sent = self._headers(item.name, content, stat.etag)
        self.storage.s3.copy(self.key(item.name), source, sent, stat.etag)

    def _headers(self, name: str, content: Content, etag: str) -> dict[str, str]:
        declared = self.storage._headers(name, None)
        if content.headers is not None:
            # An object stays what it was; how it is kept is this bucket's matter.
            own = {header.lower() for header in content.headers}
            kept = {h: v for h, v in declared.items() if _is_about_keeping(h.lower(), own)}
            declared = {**kept, **content.headers}
        found = {h: v for h, v in declared.items() if h.lower() not in {MTIME, SOURCE_ETAG}}
        if content.modified is not None:
            found[MTIME] = f"{content.modified.timestamp():.6f}"
        return {**found, SOURCE_ETAG: etag}

    def delete(self, names: Sequence[str]) -> dict[str, str]:
        failed: dict[str, str] = {}
        for start in range(0, len(names), MOST_DELETED):
            keys = [self.key(name) for name in names[start : start + MOST_DELETED]]
            failed |= self.storage.s3.delete_many(keys)
        return {key[len(self._prefix) :]: why for key, why in failed.items()}


def _is_about_keeping(header: str, own: set[str]) -> bool:
    is_s3s = header.startswith("x-amz-") and not header.startswith("x-amz-meta-")
    return is_s3s and header not in own
