"""A bucket of ours as an end of a move: objects with all their headers and tags."""

from __future__ import annotations

import datetime
import hashlib
import io
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import File

from django_minio_backend import errors, names
from django_minio_backend.config import headers
from django_minio_backend.errors import ObjectChanged, ObjectExists, ObjectNotFound
from django_minio_backend.moving.adapters import WRITTEN_MEANWHILE, Adapter, Content, Item
from django_minio_backend.references.fields import read_hook
from django_minio_backend.references.neighbours import list_foreign_prefixes
from django_minio_backend.s3.checksums import Checked, Damaged
from django_minio_backend.s3.client import ALWAYS, ONLY_NEW, make_replacing
from django_minio_backend.s3.copying import copy_parts
from django_minio_backend.s3.responses import Entry, ObjectStat, read_stat
from django_minio_backend.storage.backend import MinioBackend
from django_minio_backend.storage.compression import Compression
from django_minio_backend.storage.metadata import (
    MTIME,
    NOT_COPIED,
    SOURCE,
    SOURCE_ETAG,
    SOURCE_VERSION,
    FileStat,
)
from django_minio_backend.storage.reader import FIRST_RANGE, ObjectReader, open_content


class MinioAdapter(Adapter):
    """A MinioBackend. Names are keys below its location, also if Django would change them."""

    storage: MinioBackend
    lists_cheaply = True
    reads_for_checksums = False

    @property
    def container_and_prefix(self) -> tuple[Hashable, str]:
        return ("bucket", self.storage.bucket), self._prefix

    @property
    def server(self) -> str:
        return self.storage.options.endpoint.url

    @property
    def _prefix(self) -> str:
        return self.storage.options.prefix

    @property
    def may_hide_damage(self) -> bool:  # type: ignore[override]
        return not self.storage.s3.is_secure

    @property
    def has_reliable_etags(self) -> bool:
        return self.storage.s3.takes_signed_chunks

    def key(self, name: str) -> str:
        return self._prefix + name

    def list_items(self, prefix: str) -> Iterator[Item]:
        """Yield the objects, a request per 1,000, without the empty ones that mark a folder."""
        return self._list(prefix)

    def list_copies(self, prefix: str) -> Iterator[Item]:
        return self._list(prefix, with_metadata=True)

    def _list(self, prefix: str, *, with_metadata: bool = False) -> Iterator[Item]:
        pages = self.storage.s3.list_pages(self.key(prefix), with_metadata=with_metadata)
        for entry in (entry for page in pages for entry in page.entries):
            if entry.size or not entry.key.endswith("/"):
                yield self._make_listed_item(entry)

    def _make_listed_item(self, entry: Entry) -> Item:
        name = entry.key[len(self._prefix) :]
        copy_of = (entry.metadata or {}).get(SOURCE_VERSION, "")
        return Item(name, entry.size, entry.etag, entry.last_modified, copy_of=copy_of)

    def find(self, name: str) -> Item | None:
        try:
            stat = FileStat.of(self.storage.s3.stat(self.key(name)))
        except ObjectNotFound:
            return None
        return Item(name, stat.size, stat.etag, stat.last_modified.isoformat(), stat=stat)

    def list_names_from_hook(self) -> Iterable[str]:
        return read_hook(self.storage)

    def list_foreign_prefixes(self) -> tuple[str, ...]:
        prefixes = list_foreign_prefixes(self.storage)
        return tuple(prefix.removeprefix(self._prefix) for prefix in prefixes)

    def _stat(self, item: Item) -> FileStat:
        return item.stat or FileStat.of(self.storage.s3.stat(self.key(item.name)))

    def read_content_size(self, item: Item) -> int | None:
        return self._stat(item).content_size

    def read_modified(self, item: Item) -> datetime.datetime | None:
        return self._stat(item).modified

    def read_part_size(self, item: Item) -> int:
        return self.storage.s3.read_part_size(self.key(item.name)) if "-" in item.etag else 0

    def read_part_sizes(self, item: Item, etag: str) -> list[int]:
        count = etag.rpartition("-")[2]
        if not count.isdecimal():
            return []
        key = self.key(item.name)
        return [self.storage.s3.read_part_size(key, number) for number in range(1, int(count) + 1)]

    def list_checksums(self, item: Item, part_size: int) -> set[str]:
        return {item.etag, _make_part_etag(item.etag)} - {""}

    def read_source_checksum(self, item: Item, fingerprint: str = "") -> str:
        metadata = self._stat(item).metadata
        is_from_there = fingerprint in {"", metadata.get(SOURCE)}
        return metadata.get(SOURCE_ETAG, "") if is_from_there else ""

    def open(self, item: Item, *, raw: bool = False) -> Content:
        """Open an object: one request, and one more if it has tags, has parts, or is empty."""
        s3, key = self.storage.s3, self.key(item.name)
        reader = ObjectReader(s3, key)
        try:
            if reader.original and not raw:
                return self._open_decompressed(key, reader)
            # An empty object has no range, and the response to one has none of its headers.
            bucket = self.storage.bucket
            object_stat = read_stat(bucket, key, reader.headers) if reader.size else s3.stat(key)
            stat = FileStat.of(object_stat)
            return Content(
                io.BufferedReader(reader),
                reader.size,
                stat.modified,
                stat.content_type,
                etag=stat.etag,
                part_size=self.read_part_size(replace(item, etag=stat.etag)),
                etag_is_checksum=stat.etag_is_md5,
                is_encrypted=stat.is_encrypted,
                headers=self._read_own_headers(stat),
                fingerprint=self.fingerprint,
            )
        except BaseException:
            reader.close()
            raise

    def _open_decompressed(self, key: str, reader: ObjectReader) -> Content:
        reader.close()
        stat = FileStat.of(self.storage.s3.stat(key))
        return Content(
            open_content(self.storage.s3, key, self.storage.options.unpacked_limit),
            stat.content_size,
            stat.modified,
            stat.content_type,
            headers={},
            fingerprint=self.fingerprint,
        )

    def _read_own_headers(self, stat: ObjectStat) -> Mapping[str, str]:
        own_headers = headers.select_own_headers(stat.metadata)
        if int(stat.metadata.get("x-amz-tagging-count", "0")):
            tags = self.storage.s3.read_tags(stat.object_name)
            own_headers["x-amz-tagging"] = headers.encode_tags(tags)
        return own_headers

    def store(
        self, name: str, checked: Checked, content: Content, target_item: Item | None
    ) -> None:
        if content.headers is None and names.clean_name(name) != name:
            raise SuspiciousFileOperation(f"No object that Django opens is called {name!r}.")
        upload = self.storage.make_upload(
            name, content.content_type, condition=_make_condition(target_item)
        )
        upload = replace(
            upload,
            headers=_merge_headers(upload.headers, content, content.etag or checked.expected),
            compression=Compression(),
            tells_charset=False,
        )
        with _translate_conflict():
            # The server compares the content with the SHA-256 that is signed with the request.
            upload.send(self.storage.s3, self.key(name), File(io.BufferedReader(checked)))

    def sends_raw_to(self, target: Adapter) -> bool:
        return isinstance(target, MinioAdapter)

    def copy_from(self, source: Adapter, item: Item, target_item: Item | None) -> bool:
        """Let the server copy a large object: four requests, one more per GiB, none with content.

        Reading and storing a small object takes fewer requests.
        """
        if not isinstance(source, MinioAdapter) or not self.can_copy_from(source, item):
            return False
        try:
            self._copy_on_server(source, item, target_item)
        except (errors.AccessDenied, errors.BucketNotFound, errors.NotSupported, Damaged):
            return False  # the server cannot do it: our key may not read the source, say
        return True

    def can_copy_from(self, source: MinioAdapter, item: Item) -> bool:
        """Return True if both are on one server, which can read and write them without a key."""
        here, there = self.storage, source.storage
        is_same_server = here.options.endpoint == there.options.endpoint
        needs_key = here.s3.holds_key or there.s3.holds_key
        return is_same_server and not needs_key and item.size > FIRST_RANGE

    def _copy_on_server(self, source: MinioAdapter, item: Item, target_item: Item | None) -> None:
        """Copy an object in parts: only an upload in parts can be refused if there is one by now.

        Raises Damaged if the copy has another checksum than the object.
        """
        s3, key = self.storage.s3, self.key(item.name)
        stat = FileStat.of(source.storage.s3.stat(source.key(item.name)))
        own_headers = source._read_own_headers(stat)
        content = Content(
            None, stat.size, stat.modified, headers=own_headers, fingerprint=source.fingerprint
        )
        declared = self.storage.make_headers(item.name, content.content_type)
        with s3.start_upload(key, _merge_headers(declared, content, stat.etag)) as upload:
            try:
                path = f"{source.storage.bucket}/{stat.object_name}"
                etags = copy_parts(upload, path, stat.size, stat.etag)
            except (ObjectChanged, ObjectNotFound) as error:
                # The message must name the source, and not the target.
                location = source.storage.s3.location.at(stat.object_name)
                raise errors.make_error(type(error), location, status=error.status) from error
            if stat.etag_is_md5 and len(etags) == 1 and etags[0] != stat.etag:
                raise Damaged(f"The server copied it with the checksum {etags[0]}.")
            with _translate_conflict():
                s3.finish_upload(upload, etags, _make_condition(target_item))
        self.storage.renew_link(key)

    def delete(self, names: Sequence[str]) -> dict[str, str]:
        failed = self.storage.delete_keys([self.key(name) for name in names])
        return {key[len(self._prefix) :]: reason for key, reason in failed.items()}


def _merge_headers(declared: Mapping[str, str], content: Content, etag: str) -> dict[str, str]:
    """Return the headers of a copy: the object's own, and those that the target declares.

    An object keeps its type and metadata. Encryption, retention and the like are the target's.
    """
    if content.headers:
        own_names = {header.lower() for header in content.headers}
        of_bucket = {
            name: text for name, text in declared.items() if _is_of_bucket(name.lower(), own_names)
        }
        declared = {**of_bucket, **content.headers}
    merged = {name: text for name, text in declared.items() if name.lower() not in NOT_COPIED}
    if content.modified is not None:
        merged[MTIME] = f"{content.modified.timestamp():.6f}"
    if content.version:
        merged[SOURCE_VERSION] = content.version
    return {**merged, SOURCE_ETAG: etag, SOURCE: content.fingerprint}


def _is_of_bucket(header: str, own_names: set[str]) -> bool:
    is_s3s = header.startswith("x-amz-") and not header.startswith("x-amz-meta-")
    return is_s3s and header not in own_names


def _make_condition(target_item: Item | None) -> Mapping[str, str]:
    """Return the condition for storing a file in the place of an item, or of none."""
    if target_item is None:
        return ONLY_NEW
    return make_replacing(target_item.etag) if target_item.etag else ALWAYS


@contextmanager
def _translate_conflict() -> Iterator[None]:
    try:
        yield
    except ObjectExists as error:
        raise FileExistsError(WRITTEN_MEANWHILE) from error


def _make_part_etag(etag: str) -> str:
    """Return the ETag of the same content as an upload of one part, "" if it is no MD5."""
    try:
        digest = bytes.fromhex(etag)
    except ValueError:
        return ""
    return f"{hashlib.md5(digest, usedforsecurity=False).hexdigest()}-1" if digest else ""
