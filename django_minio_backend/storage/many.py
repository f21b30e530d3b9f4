"""Operations on many files at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from django_minio_backend.errors import StorageError
from django_minio_backend.parallel import map_parallel, run_parallel
from django_minio_backend.s3.client import split_batches
from django_minio_backend.storage.identity import ConfiguredStorage
from django_minio_backend.storage.prefetch import prefetch

WORKERS = 8


class SavedFile(NamedTuple):
    """The outcome of one file of `save_many`: its name in the storage, or the error."""

    given_name: str
    name: str
    error: Exception | None = None


class ManyFiles(ConfiguredStorage):
    """Methods of a storage for many files."""

    def prefetch(self, prefix: str = "") -> AbstractContextManager[None]:
        """Answer for the files whose names begin with `prefix` from one listing, in this block.

        `exists`, `size` and `get_modified_time` then take a request per 1,000 files, also by
        FileFields and other storages of the bucket. A file that is saved or deleted in this
        process is asked for again; changes by others are not seen. On other servers than MinIO a
        listing does not tell the time that `copy_storage` kept, so the time of a copy is its own.
        """
        return prefetch(self.s3, self.options.prefix + prefix.lstrip("/"))

    def save_many(
        self, files: Iterable[tuple[str, Any]], workers: int = WORKERS
    ) -> list[SavedFile]:
        """Save (name, content) pairs, several at once. Return the outcomes in their order.

        A file that fails does not stop the others. Memory is bounded by the part size for each
        worker. `files` may be a generator: it is read a few files ahead.
        """

        def save(numbered: tuple[int, tuple[str, Any]]) -> tuple[int, SavedFile]:
            number, (name, content) = numbered
            try:
                return number, SavedFile(name, self.save(name, content))
            except Exception as error:
                return number, SavedFile(name, "", error)

        outcomes = dict(run_parallel(save, enumerate(files), workers, name="save"))
        return [outcomes[number] for number in range(len(outcomes))]

    def delete_many(self, names: Iterable[str], workers: int = WORKERS) -> dict[str, str]:
        """Delete files, 1,000 a request. Return the reason for each name that remains.

        A missing file is no error, as in `delete`. A batch that fails does not stop the others.
        """
        failed: dict[str, str] = {}
        batches = split_batches(names)
        for failures in run_parallel(self._delete_batch, batches, workers, name="delete"):
            failed |= failures
        return failed

    def delete_prefix(self, prefix: str, workers: int = WORKERS) -> dict[str, str]:
        """Delete files whose names begin with `prefix`. Return the reason for each that remains.

        All of them are listed first. Raises ValueError for "", which is every file, and
        StorageError if the listing fails: then nothing is deleted.
        """
        prefix = prefix.lstrip("/")
        if not prefix:
            raise ValueError("delete_prefix('') would delete every file of the storage.")
        start = self.options.prefix
        pages = list(self.s3.list_pages(start + prefix))
        failed = self.delete_keys([e.key for page in pages for e in page.entries], workers)
        return {key.removeprefix(start): reason for key, reason in failed.items()}

    def _delete_batch(self, names: Sequence[str]) -> dict[str, str]:
        keys: dict[str, str] = {}
        failed: dict[str, str] = {}
        for name in names:
            try:
                keys[self.key(name)] = name
            except Exception as error:  # the name is none of this storage's
                failed[name] = str(error)
        try:
            refused = self.delete_keys(list(keys))
        except StorageError as error:
            refused = dict.fromkeys(keys, str(error))
        return failed | {keys[key]: reason for key, reason in refused.items()}

    def delete_keys(self, keys: Sequence[str], workers: int = 1) -> dict[str, str]:
        """Delete objects by their keys, 1,000 a request. Return the reason for each that remains.

        The keys come from a listing and need not be valid names: "folder/" is such a key.
        """
        batches = list(split_batches(keys))
        failures = map_parallel(self.s3.delete_many, batches, workers)
        failed = {key: reason for batch in failures for key, reason in batch.items()}
        for key in keys:
            if key not in failed:
                self.renew_link(key)
        return failed
