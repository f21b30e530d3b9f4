"""Static files on their way to the bucket: compared with one listing, sent several at once."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from tempfile import TemporaryDirectory
from typing import Any, cast

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage

from django_minio_backend import names
from django_minio_backend.answers import Entry
from django_minio_backend.client import batches
from django_minio_backend.errors import ObjectNotFound
from django_minio_backend.staticfiles import ManifestFile, MinioBackendStatic

# Where the MD5 of what is stored is told where the ETag is another thing: with encryption, parts.
_MD5 = "x-amz-meta-md5"
_BLOCK = 2**20


@dataclass(frozen=True)
class Source:
    """A file that is to be stored: where its content is."""

    name: str
    storage: Storage
    path: str

    def open(self) -> Any:
        return self.storage.open(self.path)


@contextmanager
def staged(storage: MinioBackendStatic) -> Iterator[Any]:
    """Give a copy of the storage that keeps in a temporary folder what is saved to it.

    `copy_of` says which files are to be stored as they are, so that it can read them; `sources`
    yields all that is to be stored, its manifest aside.
    """
    with TemporaryDirectory(prefix="collectstatic-") as folder:
        stage = copy.copy(storage)
        stage.__class__ = type(f"Staged{type(storage).__name__}", (_Stage, type(storage)), {})
        cast(_Stage, stage).begin(folder)
        yield stage


class _Stage(MinioBackendStatic):
    """Puts a folder in the place of the bucket."""

    def begin(self, folder: str) -> None:
        self.folder = FileSystemStorage(folder)
        self.originals: dict[str, Source] = {}
        self.saved: dict[str, None] = {}
        self.manifest_storage = self

    def copy_of(self, name: str, storage: Storage, path: str) -> None:
        self.originals[name] = Source(name, storage, path)

    def sources(self, manifest: str) -> list[Source]:
        made = [Source(name, self.folder, name) for name in self.saved if name != manifest]
        return [*self.originals.values(), *made]

    def exists(self, name: str) -> bool:
        return name in self.saved or name in self.originals

    def delete(self, name: str) -> None:
        if name in self.saved:
            self.folder.delete(name)
            del self.saved[name]

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        return self._save(name or "", content)

    def _save(self, name: str, content: Any) -> str:
        cleaned = names.clean_name(name)
        self.delete(cleaned)
        self.folder.save(cleaned, content)
        self.saved[cleaned] = None
        return cleaned

    def _open(self, name: str, mode: str = "rb") -> Any:
        if name in self.saved:
            return self.folder.open(name, mode)
        if name in self.originals:
            return self.originals[name].open()
        raise FileNotFoundError(name)


def listed(storage: MinioBackendStatic) -> dict[str, Entry]:
    """Return what is in the storage by its name, a request per 1,000."""
    prefix = names.folder_prefix(storage.options.location, "")
    pages = storage.s3.pages(prefix)
    return {entry.key[len(prefix) :]: entry for page in pages for entry in page.entries}


@dataclass(frozen=True)
class Difference:
    """A file whose content is not what the listing says of its name, as far as that says it."""

    source: Source
    entry: Entry | None
    digest: str
    size: int

    def store(self, storage: MinioBackendStatic, *, dry_run: bool = False) -> bool:
        """Store the file; say whether it had to be. One more request where an ETag is no MD5."""
        key = storage._key(self.source.name)
        if self.entry is not None and self._is_stored(storage, key, self.entry):
            return False
        if not dry_run:
            upload = replace(storage._upload(self.source.name), only_new=False)
            upload = replace(upload, headers={**upload.headers, _MD5: self.digest})
            with self.source.open() as file:
                upload.send(storage.s3, key, file)
        return True

    def _is_stored(self, storage: MinioBackendStatic, key: str, entry: Entry) -> bool:
        if entry.size != self.size:
            return False
        try:
            found = storage.s3.stat(key)
        except ObjectNotFound:
            return False
        # Of an ETag that is an MD5 the listing has told the truth.
        return not found.etag_is_md5 and found.metadata.get(_MD5) == self.digest


def difference(
    storage: MinioBackendStatic, source: Source, entry: Entry | None
) -> Difference | None:
    """Compare a file with what the listing says of its name; None where it is stored already."""
    with source.open() as file:
        digest, size = _digest(storage, source.name, file)
    if entry is not None and entry.etag == digest:
        return None
    return Difference(source, entry, digest, size)


def _digest(storage: MinioBackendStatic, name: str, file: Any) -> tuple[str, int]:
    """Return the MD5 and the size of what would be stored."""
    limit = storage.options.multipart_part_size
    content = file.read(limit + 1)
    if len(content) > limit:
        return _md5_of(file), file.size
    if storage.options.static_compress or storage.options.gzip:
        upload = storage._upload(name)
        content, _ = upload.compression.of(content, upload.headers)
    return hashlib.md5(content, usedforsecurity=False).hexdigest(), len(content)


def _md5_of(file: Any) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    file.seek(0)
    while block := file.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()


def save_manifest(storage: Any, stage: Any, entry: Entry | None) -> None:
    """Keep the manifest that the stage has made, after all that it names.

    A copy by the time of the deploy tells `referenced` later what was in use when.
    """
    name = storage.manifest_name
    with stage.folder.open(name) as file:
        content = file.read()
    if not isinstance(storage.manifest_storage, ManifestFile):
        kept = storage.manifest_storage
        if kept.exists(name):
            kept.delete(name)
        kept._save(name, ContentFile(content))
        return
    storage.manifest_storage.keep_copy(name, content)
    differing = difference(storage, Source(name, stage.folder, name), entry)
    if differing is not None and differing.store(storage):
        storage.replace(_history_name(name, datetime.now(UTC)), ContentFile(content))


def referenced(storage: Any, found: Mapping[str, Entry], since: datetime) -> set[str]:
    """Return what the manifest and those that were in use since then name, themselves included.

    One request for each of them. Raises ObjectNotFound when there is no manifest.
    """
    name = storage.manifest_name
    stamps = sorted(_stamps(name, found))
    # One was in use until the next one came.
    until = dict(pairwise(stamps))
    kept = [name, *(_history_name(name, at) for at in stamps if until.get(at, since) >= since)]
    named = set(kept)
    for manifest in kept:
        with MinioBackendStatic.open(storage, manifest) as file:
            paths = json.loads(file.read())["paths"]
        named |= {*paths, *paths.values()}
    return named


def delete(storage: MinioBackendStatic, doomed: Sequence[str], workers: int) -> dict[str, str]:
    """Delete objects by their names, 1,000 a request; return what could not be, and why."""
    keys = [storage._key(name) for name in doomed]
    with ThreadPoolExecutor(workers, thread_name_prefix="delete") as threads:
        failures = list(threads.map(storage.s3.delete_many, batches(keys)))
    return {key: reason for failed in failures for key, reason in failed.items()}


_STAMP = "%Y-%m-%dT%H%M%S.%fZ"


def _history_name(manifest: str, at: datetime) -> str:
    return f"{manifest}.history/{at.strftime(_STAMP)}"


def _stamps(manifest: str, found: Iterable[str]) -> Iterator[datetime]:
    for name in found:
        if name.startswith(f"{manifest}.history/"):
            with suppress(ValueError):
                at = datetime.strptime(name.rpartition("/")[2], _STAMP)
                yield at.replace(tzinfo=UTC)
