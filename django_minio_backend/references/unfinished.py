"""Unfinished uploads of storages that nobody works on any more: the search and the end of them.

A process that is killed while it saves a large file leaves one. No row refers to it, and nobody
can read it, but its parts cost room.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from django_minio_backend.errors import AccessDenied, NotSupported, StorageError, UnexpectedAnswer
from django_minio_backend.references.orphans import Scope
from django_minio_backend.s3.unfinished import UnfinishedUpload
from django_minio_backend.shards import ALL, Shard

#: The errors of a server that does not list uploads, or not to this key.
NOT_LISTED = (AccessDenied, NotSupported, UnexpectedAnswer)


@dataclass(frozen=True, slots=True)
class StaleUpload:
    """An unfinished upload that is old enough to be aborted."""

    scope: Scope
    upload: UnfinishedUpload

    @property
    def name(self) -> str:
        return f"{self.scope.name}/{self.upload.key}"


@dataclass
class UploadSearch:
    """The result of a search."""

    stale: list[StaleUpload] = field(default_factory=list)
    #: The number of uploads that may still be running.
    young: int = 0
    #: The reasons of the buckets whose uploads could not be listed.
    refused: dict[str, StorageError] = field(default_factory=dict)


def search_uploads(
    among: Sequence[Scope],
    *,
    older_than: datetime.timedelta,
    exclude: Sequence[str] = (),
    shard: Shard = ALL,
) -> UploadSearch:
    """Find the unfinished uploads that began before `older_than`.

    `exclude` are patterns of keys to leave alone. Keys of other storages and shards are left alone
    too.
    """
    result = UploadSearch()
    for scope in among:
        try:
            uploads = [
                upload
                for upload in scope.storage.s3.list_uploads(scope.prefixes)
                if shard.holds(upload.key) and not upload.key.startswith(scope.foreign)
            ]
        except NOT_LISTED as error:
            result.refused[scope.name] = error
            continue
        before = scope.find_age_limit(older_than)
        for upload in uploads:
            if any(fnmatchcase(upload.key, pattern) for pattern in exclude):
                continue
            if is_stale(upload, before):
                result.stale.append(StaleUpload(scope, upload))
            else:
                result.young += 1
    return result


def is_stale(upload: UnfinishedUpload, before: datetime.datetime) -> bool:
    """Return True if an upload began before this time. False if its age is unknown."""
    return bool(upload.initiated) and upload.started < before


def abort_uploads(
    stale: Sequence[StaleUpload], older_than: datetime.timedelta
) -> Iterator[tuple[StaleUpload, str]]:
    """Abort uploads, after another look at each. Two requests for each upload.

    Yield each that was aborted with "", and each that the server refuses to abort with the reason.
    An upload that is finished by now is no more there, and left out. Raises the StorageError of an
    outage.
    """
    for item in stale:
        client = item.scope.storage.s3
        listed = client.find_upload(item.upload)
        if listed is None or not is_stale(listed, item.scope.find_age_limit(older_than)):
            continue
        try:
            if client.abort_upload(listed):
                yield item, ""
        except AccessDenied as error:
            yield item, str(error)
