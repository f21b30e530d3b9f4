"""Copies of former manifests. They tell which files former deploys used."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from django_minio_backend.s3.responses import Entry
from django_minio_backend.staticfiles.storages import MinioBackendStatic


def find_names_in_manifests(
    storage: MinioBackendStatic, entries: Mapping[str, Entry], since: datetime
) -> set[str]:
    """Return the names in the manifest and in those used since then, and the manifests' own names.

    One request for each manifest. Raises ObjectNotFound if there is none.
    """
    name = storage.manifest_name
    stamps = sorted(_read_stamps(name, entries))
    # A manifest was in use until the next one came.
    until = dict(pairwise(stamps))
    manifests = [
        name,
        *(make_history_name(name, at) for at in stamps if until.get(at, since) >= since),
    ]
    names = set(manifests)
    for manifest in manifests:
        with MinioBackendStatic.open(storage, manifest) as file:
            paths = json.loads(file.read())["paths"]
        names |= {*paths, *paths.values()}
    return names


_STAMP = "%Y-%m-%dT%H%M%S.%fZ"


def make_history_name(manifest: str, at: datetime) -> str:
    return f"{manifest}.history/{at.strftime(_STAMP)}"


def _read_stamps(manifest: str, names: Iterable[str]) -> Iterator[datetime]:
    for name in names:
        if name.startswith(f"{manifest}.history/"):
            with suppress(ValueError):
                at = datetime.strptime(name.rpartition("/")[2], _STAMP)
                yield at.replace(tzinfo=UTC)


def find_outdated_names(
    storage: MinioBackendStatic, entries: Mapping[str, Entry], needed: Set[str], days: int
) -> list[str]:
    """Return the names of files that no manifest of the last `days` mentions, sorted.

    Files in `needed` and younger files are left out.
    """
    since = datetime.now(UTC) - timedelta(days=days)
    in_use = find_names_in_manifests(storage, entries, since) | needed
    return sorted(
        name for name, entry in entries.items() if name not in in_use and entry.modified < since
    )
