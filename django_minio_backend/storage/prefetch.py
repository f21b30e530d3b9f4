"""The files of one listing, which answer questions without further requests."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django_minio_backend import errors
from django_minio_backend.s3.client import Client
from django_minio_backend.s3.headers import Headers
from django_minio_backend.s3.responses import Entry
from django_minio_backend.storage.metadata import FileStat

#: The most objects that are remembered, a kilobyte each at most. The others are asked for.
MOST = 100_000


class Listing:
    """The objects whose keys begin with a prefix, as of one moment. Listed when first needed."""

    def __init__(self, client: Client, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self._entries: dict[str, Entry] | None = None
        # The last key that is known if there are more than MOST.
        self._last = b""
        self._changed: set[str] = set()

    def covers(self, client: Client, key: str) -> bool:
        return key.startswith(self._prefix) and _is_same_bucket(self._client, client)

    def forget(self, key: str) -> None:
        """Know nothing of an object that has changed."""
        self._changed.add(key)

    def find(self, key: str) -> FileStat | None:
        """Return what the listing says of an object, None if it says nothing.

        Raises ObjectNotFound if the listing shows that there is no such object.
        """
        if self._entries is None:
            self._entries = self._read()
        if key in self._changed or (self._last and key.encode() > self._last):
            return None
        if (entry := self._entries.get(key)) is None:
            location = self._client.location.at(key)
            raise errors.make_error(errors.ObjectNotFound, location, detail="it is not listed")
        metadata = entry.metadata or Headers([])
        return FileStat(
            bucket_name=self._client.location.bucket,
            object_name=key,
            size=entry.size,
            etag=entry.etag,
            last_modified=entry.modified,
            content_type=metadata.get("Content-Type", ""),
            metadata=metadata,
            version_id=None,
        )

    def _read(self) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        for page in self._client.list_pages(self._prefix, with_metadata=True):
            entries |= {entry.key: entry for entry in page.entries}
            if len(entries) >= MOST and page.goes_on:
                self._last = max(key.encode() for key in entries)
                break
        return entries


# A block of one thread, or of one task, does not answer for others. A change counts for all.
_current: ContextVar[tuple[Listing, ...]] = ContextVar("prefetched", default=())
_all: weakref.WeakSet[Listing] = weakref.WeakSet()


@contextmanager
def prefetch(client: Client, prefix: str) -> Iterator[None]:
    """Let one listing answer for the objects whose keys begin with `prefix`, in this block."""
    listing = Listing(client, prefix)
    _all.add(listing)
    token = _current.set((listing, *_current.get()))
    try:
        yield
    finally:
        _current.reset(token)
        _all.discard(listing)


def find_prefetched(client: Client, key: str) -> FileStat | None:
    """Return what a listing says of an object. None: there is none, or it says nothing.

    Raises ObjectNotFound if a listing shows that there is no such object.
    """
    for listing in _current.get():
        if listing.covers(client, key):
            return listing.find(key)
    return None


def forget_prefetched(client: Client, key: str) -> None:
    """Let no listing answer for an object that has changed, in any thread."""
    for listing in list(_all):
        if listing.covers(client, key):
            listing.forget(key)


def _is_same_bucket(one: Client, other: Client) -> bool:
    return (
        one.location.bucket == other.location.bucket
        and one.server.endpoint == other.server.endpoint
    )
