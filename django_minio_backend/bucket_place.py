"""A bucket of ours as an end of a move: objects with all that belongs to them."""

from __future__ import annotations

import datetime
import hashlib
import io
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import File

from django_minio_backend import headers, names
from django_minio_backend.answers import MTIME, Entry, ObjectStat, stat_of
from django_minio_backend.checksums import Checked, Damaged
from django_minio_backend.client import batches
from django_minio_backend.compression import Compression
from django_minio_backend.errors import ObjectExists, ObjectNotFound, StorageError
from django_minio_backend.parts_client import Condition
from django_minio_backend.places import WRITTEN_MEANWHILE, Content, Item, Place
from django_minio_backend.reader import FIRST_RANGE, ObjectReader, open_content
from django_minio_backend.storage import MinioBackend

#: The ETag or MD5 that an object had where `copy_storage` took it from, and where that was.
SOURCE_ETAG = "x-amz-meta-source-etag"
SOURCE = "x-amz-meta-source"
# What a server copies in one request: longer ones would not be answered in time.
_COPIED_AT_ONCE = 2**30


class Bucket(Place):
    """A MinioBackend, whose names are keys below its location, whatever Django would call them."""

    storage: MinioBackend

    @property
    def root(self) -> tuple[Hashable, str]:
        return ("bucket", self.storage.bucket), self._prefix

    @property
    def server(self) -> str:
        return self.storage.options.endpoint.url

    @property
    def _prefix(self) -> str:
        return names.folder_prefix(self.storage.options.location, "")

    def key(self, name: str) -> str:
        return self._prefix + name

    def items(self, prefix: str) -> Iterator[Item]:
        """Yield the objects, a request per 1,000. An empty one that is called a folder is none."""
        for page in self.storage.s3.pages(self.key(prefix)):
            for one in page.entries:
                if one.size or not one.key.endswith("/"):
                    yield self._listed_item(one)

    def _listed_item(self, entry: Entry) -> Item:
        name = entry.key[len(self._prefix) :]
        return Item(name, entry.size, entry.etag, entry.last_modified)

    def find(self, name: str) -> Item | None:
        try:
            found = self.storage.s3.stat(self.key(name))
        except ObjectNotFound:
            return None
        return Item(name, found.size, found.etag, found.last_modified.isoformat(), found)

    def _stat(self, item: Item) -> ObjectStat:
        return item.stat or self.storage.s3.stat(self.key(item.name))

    def content_size(self, item: Item) -> int | None:
        return self._stat(item).content_size

    def modified(self, item: Item) -> datetime.datetime | None:
        return self._stat(item).modified

    def part_size(self, item: Item) -> int:
        return self.storage.s3.part_size(self.key(item.name)) if "-" in item.etag else 0

    def known(self, item: Item, part_size: int) -> set[str]:
        return {item.etag, _as_one_part(item.etag)} - {""}

    def copied(self, item: Item, origin: str = "") -> str:
        found = self._stat(item).metadata
        return found.get(SOURCE_ETAG, "") if origin in {"", found.get(SOURCE)} else ""

    def open(self, item: Item, *, raw: bool = False) -> Content:
        """Open an object: one request, one more for its tags, its parts, or where it is empty."""
        s3, key = self.storage.s3, self.key(item.name)
        reader = ObjectReader(s3, key)
        try:
            if reader.original and not raw:
                return self._opened_decoded(key, reader)
            # An empty object has no bytes in any range, and so no headers in the answer to one.
            bucket = self.storage.bucket
            stat = stat_of(bucket, key, reader.headers) if reader.size else s3.stat(key)
            return Content(
                io.BufferedReader(reader),
                reader.size,
                stat.modified,
                stat.content_type,
                etag=stat.etag,
                part_size=self.part_size(replace(item, etag=stat.etag)),
                etag_is_checksum=stat.etag_is_md5,
                headers=self._own(stat),
                origin=self.origin,
            )
        except BaseException:
            reader.close()
            raise

    def _opened_decoded(self, key: str, reader: ObjectReader) -> Content:
        reader.close()
        stat = self.storage.s3.stat(key)
        file = open_content(self.storage.s3, key)
        kind = stat.content_type
        return Content(file, stat.content_size, stat.modified, kind, headers={}, origin=self.origin)

    def _own(self, stat: ObjectStat) -> Mapping[str, str]:
        found = headers.kept(stat.metadata)
        if int(stat.metadata.get("x-amz-tagging-count", "0")):
            found["x-amz-tagging"] = headers.tagging(self.storage.s3.tags(stat.object_name))
        return found

    def store(self, name: str, checked: Checked, content: Content, found: Item | None) -> None:
        if content.headers is None and names.clean_name(name) != name:
            raise SuspiciousFileOperation(f"No object that Django opens is called {name!r}.")
        upload = replace(
            self.storage._upload(name),
            headers=self._headers(name, content, content.etag or checked.expected),
            **_instead_of(found),
            compression=Compression(),
        )
        with _conflict_told():
            # The server compares what arrives with the SHA-256 that it was signed with.
            upload.send(self.storage.s3, self.key(name), File(io.BufferedReader(checked)))

    def can_take_from(self, place: Place, item: Item) -> bool:
        """Say whether the server is to copy a file by itself.

        A small one comes and goes in fewer requests.
        """
        if not isinstance(place, Bucket) or item.size <= FIRST_RANGE:
            return False
        one, other = self.storage, place.storage
        same_server = one.options.endpoint == other.options.endpoint
        return same_server and not (one.s3.holds_key or other.s3.holds_key)

    def take_from(self, place: Bucket, item: Item, found: Item | None) -> None:
        """Have the server copy an object: four requests, one more per GiB, none with its content.

        In parts, because only what is made of parts is refused where there is something by now.
        Raises Damaged where the copy's checksum is not the object's.
        """
        s3, key = self.storage.s3, self.key(item.name)
        stat = place.storage.s3.stat(place.key(item.name))
        own = place._own(stat)
        content = Content(None, stat.size, stat.modified, headers=own, origin=place.origin)
        upload = s3.start_parts(key, self._headers(item.name, content, stat.etag))
        try:
            etags = self._copied_parts(
                key, upload, f"{place.storage.bucket}/{stat.object_name}", stat
            )
            if stat.etag_is_md5 and len(etags) == 1 and etags[0] != stat.etag:
                raise Damaged(f"The server copied it with the checksum {etags[0]}.")
            with _conflict_told():
                s3.finish_parts(key, upload, etags, **_instead_of(found))
        except BaseException:
            with suppress(StorageError):
                s3.abort_parts(key, upload)
            raise
        self.storage._links.renew(key)

    def _copied_parts(self, key: str, upload: str, source: str, stat: ObjectStat) -> list[str]:
        starts = range(0, stat.size, _COPIED_AT_ONCE)
        return [
            self.storage.s3.copy_part(
                key,
                upload,
                number,
                source,
                start,
                min(start + _COPIED_AT_ONCE, stat.size),
                stat.etag,
            )
            for number, start in enumerate(starts, 1)
        ]

    def _headers(self, name: str, content: Content, etag: str) -> dict[str, str]:
        declared: Mapping[str, Any] = self.storage._headers(name, content.content_type)
        if content.headers:
            # An object stays what it was; how it is kept is this bucket's matter.
            own = {header.lower() for header in content.headers}
            kept = {h: v for h, v in declared.items() if _is_about_keeping(h.lower(), own)}
            declared = {**kept, **content.headers}
        ours = {MTIME, SOURCE_ETAG, SOURCE}
        found = {h: v for h, v in declared.items() if h.lower() not in ours}
        if content.modified is not None:
            found[MTIME] = f"{content.modified.timestamp():.6f}"
        return {**found, SOURCE_ETAG: etag, SOURCE: content.origin}

    def delete(self, names: Sequence[str]) -> dict[str, str]:
        failed: dict[str, str] = {}
        for some in batches(names):
            keys = [self.key(name) for name in some]
            failed |= self.storage.s3.delete_many(keys)
            for key in keys:
                self.storage._links.renew(key)
        return {key[len(self._prefix) :]: why for key, why in failed.items()}


def _instead_of(found: Item | None) -> Condition:
    """Return what must hold of what is there when a file is stored in the place of `found`."""
    return {"only_new": found is None, "replaces": found.etag if found else ""}


@contextmanager
def _conflict_told() -> Iterator[None]:
    try:
        yield
    except ObjectExists as error:
        raise FileExistsError(WRITTEN_MEANWHILE) from error


def _is_about_keeping(header: str, own: set[str]) -> bool:
    is_s3s = header.startswith("x-amz-") and not header.startswith("x-amz-meta-")
    return is_s3s and header not in own


def _as_one_part(etag: str) -> str:
    """Return the ETag of the same content as an upload of one part; "" of what is no MD5."""
    try:
        content = bytes.fromhex(etag)
    except ValueError:
        return ""
    return f"{hashlib.md5(content, usedforsecurity=False).hexdigest()}-1" if content else ""
