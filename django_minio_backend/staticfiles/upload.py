"""Static files compared with one listing of the bucket, and stored if they differ."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from django.core.files.base import ContentFile, File

from django_minio_backend.errors import ObjectNotFound
from django_minio_backend.parallel import run_parallel
from django_minio_backend.s3.client import ALWAYS
from django_minio_backend.s3.responses import Entry
from django_minio_backend.staticfiles.history import make_history_name
from django_minio_backend.staticfiles.manifest_file import ManifestFile
from django_minio_backend.staticfiles.staging import LocalFile, Stage
from django_minio_backend.staticfiles.storages import MinioBackendStatic
from django_minio_backend.storage.metadata import STORED_MD5

_BLOCK = 2**20


def list_entries(storage: MinioBackendStatic) -> dict[str, Entry]:
    """Return the objects of the storage by name, a request per 1,000."""
    prefix = storage.options.prefix
    pages = storage.s3.list_pages(prefix)
    return {entry.key[len(prefix) :]: entry for page in pages for entry in page.entries}


@dataclass(frozen=True)
class Difference:
    """A file that differs from the listed object of its name, as far as the listing tells."""

    source: LocalFile
    entry: Entry | None
    digest: str
    size: int

    def store(self, storage: MinioBackendStatic, *, dry_run: bool = False) -> bool:
        """Store the file if it differs. Return True then. One more request if an ETag is no MD5."""
        key = storage.key(self.source.name)
        if self.entry is not None and self._is_stored(storage, key, self.entry):
            return False
        if not dry_run:
            upload = storage.make_upload(self.source.name, condition=ALWAYS)
            upload = replace(upload, headers={**upload.headers, STORED_MD5: self.digest})
            with self.source.open() as file:
                upload.send(storage.s3, key, file)
        return True

    def _is_stored(self, storage: MinioBackendStatic, key: str, entry: Entry) -> bool:
        if entry.size != self.size:
            return False
        try:
            stat = storage.s3.stat(key)
        except ObjectNotFound:
            return False
        # The listing's ETag counts if it is an MD5.
        return not stat.etag_is_md5 and stat.metadata.get(STORED_MD5) == self.digest


def find_difference(
    storage: MinioBackendStatic, source: LocalFile, entry: Entry | None
) -> Difference | None:
    """Compare a file with the listed object of its name. Return None if they are the same."""
    with source.open() as file:
        digest, size = _hash_stored(storage, source.name, file)
    if entry is not None and entry.etag == digest:
        return None
    return Difference(source, entry, digest, size)


def _hash_stored(storage: MinioBackendStatic, name: str, file: File[Any]) -> tuple[str, int]:
    """Return the MD5 and the size of the content as it would be stored."""
    limit = storage.options.multipart_part_size
    content = file.read(limit + 1)
    if len(content) > limit:
        return _hash_md5(file), file.size
    if storage.options.static_compress or storage.options.gzip:
        upload = storage.make_upload(name)
        content, _ = upload.compression.of(content, upload.headers)
    return hashlib.md5(content, usedforsecurity=False).hexdigest(), len(content)


def _hash_md5(file: File[Any]) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    file.seek(0)
    while block := file.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()


def store_files(
    storage: MinioBackendStatic,
    files: Sequence[LocalFile],
    entries: Mapping[str, Entry],
    report: Callable[[str, bool], None],
    *,
    workers: int,
    dry_run: bool = False,
) -> set[str]:
    """Store the files that differ, several at once. Return their names.

    `report` gets each name as soon as it is decided, and whether the file had to be stored. The
    first failure ends it. A dry run stores nothing.
    """

    def find_differences() -> Iterator[Difference]:
        # Comparing is reading and hashing: threads would only wait for each other.
        for file in files:
            if difference := find_difference(storage, file, entries.get(file.name)):
                yield difference
            else:
                report(file.name, False)

    def store(difference: Difference) -> tuple[str, bool]:
        return difference.source.name, difference.store(storage, dry_run=dry_run)

    stored = set()
    for name, is_stored in run_parallel(store, find_differences(), workers, name="collectstatic"):
        report(name, is_stored)
        if is_stored:
            stored.add(name)
    return stored


def save_manifest(storage: MinioBackendStatic, stage: Stage, entry: Entry | None) -> None:
    """Store the manifest, after all files that it names.

    A dated copy tells `history` later which files were in use.
    """
    name = storage.manifest_name
    with stage.folder.open(name) as file:
        content = file.read()
    if not isinstance(storage.manifest_storage, ManifestFile):
        destination = storage.manifest_storage
        if destination.exists(name):
            destination.delete(name)
        destination._save(name, ContentFile(content))
        return
    storage.manifest_storage.keep_copy(name, content)
    differing = find_difference(storage, LocalFile(name, stage.folder, name), entry)
    if differing is not None and differing.store(storage):
        storage.replace(make_history_name(name, datetime.now(UTC)), ContentFile(content))
