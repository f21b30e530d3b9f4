"""Buckets as declared: a pure plan of what differs from the server, and a thin apply."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.module_loading import import_string

from django_minio_backend import parsing, policies
from django_minio_backend.client import Client
from django_minio_backend.errors import ConfigurationError, StorageError
from django_minio_backend.options import Options


@dataclass(frozen=True)
class Declared:
    """What the settings say of a bucket: its policy, and whether a hook is who says it."""

    bucket: str
    policy: policies.Policy | None
    by_hook: bool = False
    ours: bool = True


@dataclass(frozen=True)
class Actual:
    """What the server says of a bucket."""

    exists: bool
    policy: policies.Policy | None = None


@dataclass(frozen=True)
class Change:
    """One step that makes a bucket what it is declared to be."""

    bucket: str
    action: str
    policy: policies.Policy | None = None


CREATE = "created"
SET_PUBLIC = "policy set to public"
SET_PRIVATE = "anonymous access removed"
SET_HOOK = "policy set by hook"


def declared(options: Options) -> list[Declared]:
    """Return the buckets of an alias in a stable order: public, private, hooks' own."""
    hooks = dict(policy_hooks(options))
    public = [
        Declared(name, hooks.get(name) or policies.public_read(name), name in hooks)
        for name in options.public_buckets
    ]
    private = [Declared(name, hooks.get(name), name in hooks) for name in options.private_buckets]
    known = {item.bucket for item in (*public, *private)}
    foreign = [
        Declared(name, policy, True, ours=False)
        for name, policy in hooks.items()
        if name not in known
    ]
    return [*public, *private, *foreign]


def policy_hooks(options: Options) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each hook's bucket and policy, from the option or from where its dotted path leads."""
    hooks: Any = options.policy_hooks
    if isinstance(hooks, str):
        try:
            hooks = parsing.policy_hooks(import_string(hooks))
        except (ImportError, ValueError) as error:
            raise ConfigurationError(
                f"Storage '{options.alias}': MINIO_POLICY_HOOKS {error}."
            ) from error
    for bucket, policy in hooks:
        yield bucket, json.loads(policy)


def plan(wanted: Declared, actual: Actual) -> list[Change]:
    """Return what has to happen to a bucket, nothing when it is as declared."""
    if not wanted.ours and not actual.exists:
        raise ConfigurationError(
            f"MINIO_POLICY_HOOKS names the bucket '{wanted.bucket}', which is neither declared "
            "nor on the server: add it to MINIO_PRIVATE_BUCKETS or MINIO_PUBLIC_BUCKETS."
        )
    changes = [] if actual.exists else [Change(wanted.bucket, CREATE)]
    if wanted.policy is None:
        if policies.grants_anonymous(actual.policy):
            left = policies.without_anonymous(actual.policy)
            changes.append(Change(wanted.bucket, SET_PRIVATE, left))
    elif not policies.same(wanted.policy, actual.policy):
        action = SET_HOOK if wanted.by_hook else SET_PUBLIC
        changes.append(Change(wanted.bucket, action, wanted.policy))
    return changes


def reconcile(client: Client, wanted: Declared) -> list[Change]:
    """Make one bucket what it is declared to be and return what was changed."""
    exists = client.bucket_exists()
    changes = plan(wanted, Actual(exists, client.policy() if exists else None))
    for change in changes:
        if change.action == CREATE:
            client.make_bucket()
        else:
            client.set_policy(change.policy)
    return changes


@dataclass(frozen=True)
class Outcome:
    """What became of one bucket: its changes, or why there are none."""

    bucket: str
    changes: tuple[Change, ...] = ()
    error: str = ""

    def __str__(self) -> str:
        done = ", ".join(change.action for change in self.changes)
        return f"{self.bucket}: {self.error or done or 'as declared'}"


def initialize(client: Client, options: Options) -> Iterator[Outcome]:
    """Reconcile every declared bucket of an alias; a failure is reported and the next one tried."""
    for wanted in declared(options):
        try:
            changes = reconcile(client.for_bucket(wanted.bucket), wanted)
        except (StorageError, ConfigurationError) as error:
            yield Outcome(wanted.bucket, error=str(error))
        else:
            yield Outcome(wanted.bucket, tuple(changes))


def ensure(client: Client, options: Options) -> None:
    """Create the client's bucket with its declared policy when it is missing."""
    if not client.bucket_exists():
        bucket = client.transport.where.bucket
        wanted = {item.bucket: item for item in declared(options)}
        reconcile(client, wanted.get(bucket, Declared(bucket, None)))


def ensure_once(client: Client, options: Options) -> None:
    """As `ensure`, but a bucket that was there once in this process is not asked for again."""
    bucket = (options.endpoint, client.transport.where.bucket)
    if bucket not in _seen:
        ensure(client, options)
        _seen.add(bucket)


_seen: set[tuple[parsing.Endpoint, str]] = set()
