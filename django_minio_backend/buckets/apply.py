"""The state of buckets read from the server, and changes made there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django_minio_backend import errors
from django_minio_backend.buckets import policies
from django_minio_backend.buckets.declarations import BucketDeclaration
from django_minio_backend.buckets.plan import BucketState, Change, Plan, plan_changes
from django_minio_backend.config import bucket_settings
from django_minio_backend.errors import StorageError
from django_minio_backend.parallel import map_parallel
from django_minio_backend.s3.client import Client

# Buckets at once: a project may have hundreds of them.
_WORKERS = 8


@dataclass(frozen=True)
class Outcome:
    """The result for one bucket: the changes that were made, and the errors."""

    bucket: str
    changes: tuple[Change, ...] = ()
    error: str = ""
    note: str = ""

    def __str__(self) -> str:
        return f"{self.bucket}: {self.now}{self.error and f': {self.error}'}"

    @property
    def now(self) -> str:
        """The bucket's present state, for people."""
        words = [change.action for change in self.changes] + ["failed"] * bool(self.error)
        return ", ".join(words) or "unchanged"


def plan_all(targets: Sequence[tuple[Client, BucketDeclaration]]) -> list[Plan]:
    """Ask the server for each bucket, several at once, in the order of `targets`.

    A refusal is noted for its bucket. Raises ConfigurationError for a hook without a bucket;
    nothing has been changed then.
    """
    return map_parallel(lambda target: _plan(*target), targets, _WORKERS)


def apply_all(planned: Sequence[Plan]) -> list[Outcome]:
    """Make the planned changes of each bucket, several at once, in the order of `planned`."""
    return map_parallel(_apply, planned, _WORKERS)


def _plan(client: Client, declaration: BucketDeclaration) -> Plan:
    try:
        actual, note = _observe(client, declaration)
        return Plan(client, declaration, tuple(plan_changes(declaration, actual)), note=note)
    except StorageError as error:
        return Plan(client, declaration, error=str(error))


def _observe(client: Client, declaration: BucketDeclaration) -> tuple[BucketState, str]:
    """Return the server's state of a bucket, and a note if it does not know its policy."""
    if not client.bucket.exists():
        return BucketState(False), ""
    policy, note = None, ""
    try:
        policy = client.bucket.read_policy()
    except errors.NotSupported:
        # Without policies nothing is public, as a private bucket wants it.
        if declaration.policy is not None:
            raise
        note = "the server has no bucket policies"
    settings = {
        setting: kind.read(client.bucket.read_configuration(kind.query, kind.root))
        for setting, kind in bucket_settings.KINDS.items()
        if setting in declaration.settings
    }
    return BucketState(True, policy, settings), note


def _apply(planned: Plan) -> Outcome:
    done: list[Change] = []
    failures = [planned.error] if planned.error else []
    for change in planned.changes:
        try:
            _change(planned.client, planned.declaration, change)
        except StorageError as error:
            failures.append(f"{change.setting}: {error}")
            if change.setting == "bucket":
                break
        else:
            done.append(change)
    return Outcome(planned.declaration.bucket, tuple(done), " ".join(failures), planned.note)


def _change(client: Client, declaration: BucketDeclaration, change: Change) -> None:
    """Make one change and read it back: some servers accept a document and drop a part of it."""
    if change.setting == "bucket":
        client.bucket.create(object_lock="object_lock" in declaration.settings)
        return
    stored: Any
    if change.setting == "policy":
        client.bucket.set_policy(change.after)
        stored = client.bucket.read_policy()
        is_kept = policies.is_same(change.after, stored)
    else:
        kind = bucket_settings.KINDS[change.setting]
        client.bucket.configure(
            kind.query, bucket_settings.write_document(change.setting, change.after)
        )
        stored = kind.read(client.bucket.read_configuration(kind.query, kind.root))
        is_kept = bucket_settings.is_same(change.setting, change.after, stored)
    if not is_kept:
        where = client.location
        raise errors.make_error(errors.NotSupported, where, detail=f"it kept {json.dumps(stored)}")


def ensure_bucket(client: Client, declarations: Callable[[], Iterable[BucketDeclaration]]) -> None:
    """Create the client's bucket as declared if it is missing."""
    if not client.bucket.exists():
        where = client.location
        by_bucket = {item.bucket: item for item in declarations()}
        declaration = by_bucket.get(
            where.bucket, BucketDeclaration(where.bucket, alias=where.alias)
        )
        for change in plan_changes(declaration, BucketState(False)):
            _change(client, declaration, change)
