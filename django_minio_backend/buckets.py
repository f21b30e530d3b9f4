"""Buckets as declared: a pure plan of what differs from the server, and a thin apply."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from django.utils.module_loading import import_string

from django_minio_backend import bucket_settings, errors, parsing, policies
from django_minio_backend.client import Client
from django_minio_backend.errors import ConfigurationError, StorageError
from django_minio_backend.options import Options

# Buckets at once: a project with hundreds of them does not wait for each.
_PARALLEL = 8
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Declared:
    """What the settings say of a bucket. `kind` is public, private, static or "… + hook"."""

    bucket: str
    policy: policies.Policy | None = None
    kind: str = "private"
    settings: Mapping[str, Any] = field(default_factory=dict)
    alias: str = ""
    #: The other aliases that declare it so.
    others: tuple[str, ...] = ()

    @property
    def by_hook(self) -> bool:
        return "hook" in self.kind

    def is_of(self, alias: str) -> bool:
        return alias in {self.alias, *self.others}

    def merged(self, other: Declared) -> Declared:
        """Return what both say. Raises ConfigurationError where they contradict each other."""
        both = set(self.settings) & set(other.settings)
        differing = sorted(name for name in both if self.settings[name] != other.settings[name])
        if not policies.same(self.policy, other.policy) or differing:
            said = [one.kind + "".join(f", {name}" for name in differing) for one in (self, other)]
            raise ConfigurationError(
                f"The bucket '{self.bucket}' is declared {said[0]} by storage '{self.alias}' and "
                f"{said[1]} by '{other.alias}': leave it in one."
            )
        settings = {**self.settings, **other.settings}
        return replace(self, settings=settings, others=(*self.others, other.alias))


@dataclass(frozen=True)
class Actual:
    """What the server says of a bucket; of the settings only those that are declared."""

    exists: bool
    policy: policies.Policy | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """One step that makes a bucket what it is declared to be."""

    action: str
    setting: str
    before: Any = None
    after: Any = None


CREATE = "created"
SET_PUBLIC = "policy set to public"
SET_PRIVATE = "anonymous access removed"
SET_HOOK = "policy set by hook"


def declared(options: Options) -> list[Declared]:
    """Return the buckets of an alias in a stable order: public, private, hooks' own.

    Raises ConfigurationError for hooks that are none.
    """
    hooks = dict(policy_hooks(options))

    def found(bucket: str, kind: str, policy: policies.Policy | None) -> Declared:
        settings = options.buckets.get(bucket, {})
        if bucket in hooks:
            return Declared(bucket, hooks[bucket], f"{kind} + hook", settings, options.alias)
        return Declared(bucket, policy, kind, settings, options.alias)

    kind = "static" if options.is_static else "public"
    public = [found(name, kind, policies.public_read(name)) for name in options.public_buckets]
    private = [found(name, "private", None) for name in options.private_buckets]
    known = {item.bucket for item in (*public, *private)}
    foreign = [
        Declared(name, policy, "hook", alias=options.alias)
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
    for bucket, document in hooks:
        policy = json.loads(document)
        if fault := policies.fault(policy):
            raise ConfigurationError(
                f"Storage '{options.alias}': MINIO_POLICY_HOOKS has for '{bucket}' a policy that "
                f"{fault}."
            )
        yield bucket, policy


def all_declared(sources: Iterable[tuple[Client, Options]]) -> list[tuple[Client, Declared]]:
    """Return the buckets of several aliases, each once, with the client for it.

    Raises ConfigurationError where two aliases declare the same bucket differently.
    """
    found: dict[tuple[parsing.Endpoint, str], tuple[Client, Declared]] = {}
    for client, options in sources:
        for wanted in declared(options):
            at = (options.endpoint, wanted.bucket)
            if at in found:
                own, earlier = found[at]
                found[at] = (own, earlier.merged(wanted))
            else:
                found[at] = (client.for_bucket(wanted.bucket), wanted)
    return list(found.values())


def plan(wanted: Declared, actual: Actual) -> list[Change]:
    """Return what has to happen to a bucket, nothing when it is as declared."""
    if wanted.kind == "hook" and not actual.exists:
        raise ConfigurationError(
            f"Storage '{wanted.alias}': MINIO_POLICY_HOOKS names the bucket '{wanted.bucket}', "
            "which is neither declared nor on the server: add it to MINIO_PRIVATE_BUCKETS or "
            "MINIO_PUBLIC_BUCKETS."
        )
    changes = [] if actual.exists else [Change(CREATE, "bucket", "missing", "present")]
    for setting, value in wanted.settings.items():
        before = actual.settings.get(setting)
        if not bucket_settings.same(setting, value, before):
            changes.append(Change(f"{setting} set", setting, before, value))
    if wanted.policy is None:
        if policies.grants_anonymous(actual.policy):
            left = policies.without_anonymous(actual.policy)
            changes.append(Change(SET_PRIVATE, "policy", actual.policy, left))
    elif not policies.same(wanted.policy, actual.policy):
        action = SET_HOOK if wanted.by_hook else SET_PUBLIC
        changes.append(Change(action, "policy", actual.policy, wanted.policy))
    return changes


@dataclass(frozen=True)
class Planned:
    """A bucket, what has to happen to it, and why that cannot be known where it cannot."""

    client: Client
    wanted: Declared
    changes: tuple[Change, ...] = ()
    error: str = ""
    note: str = ""

    @property
    def was(self) -> str:
        if self.error:
            return "unknown"
        differing = [change.setting for change in self.changes]
        if "bucket" in differing:
            return "missing"
        return f"other {', '.join(differing)}" if differing else "as declared"

    def diff(self) -> list[str]:
        """Return the lines of a unified difference between the server and the settings."""
        before = _lines({change.setting: change.before for change in self.changes})
        after = _lines({change.setting: change.after for change in self.changes})
        name = self.wanted.bucket
        names = f"{name} on the server", f"{name} as '{self.wanted.alias}' declares it"
        return list(difflib.unified_diff(before, after, *names, n=99, lineterm=""))


@dataclass(frozen=True)
class Outcome:
    """What became of one bucket: the changes that were made, and what could not be."""

    bucket: str
    changes: tuple[Change, ...] = ()
    error: str = ""
    note: str = ""

    def __str__(self) -> str:
        return f"{self.bucket}: {self.now}{self.error and f': {self.error}'}"

    @property
    def now(self) -> str:
        """What to say of the bucket now."""
        said = [change.action for change in self.changes] + ["failed"] * bool(self.error)
        return ", ".join(said) or "unchanged"


def plan_all(targets: Sequence[tuple[Client, Declared]]) -> list[Planned]:
    """Ask the server for each bucket, several at once; in the order of `targets`.

    What a server refuses to say is noted bucket by bucket. Raises ConfigurationError for a hook
    whose bucket is nowhere: then nothing has been changed yet.
    """
    return _in_parallel(lambda target: _planned(*target), targets)


def apply_all(planned: Sequence[Planned]) -> list[Outcome]:
    """Make each bucket what it is declared to be, several at once; in the order of `planned`."""
    return _in_parallel(_applied, planned)


def _planned(client: Client, wanted: Declared) -> Planned:
    try:
        actual, note = _observe(client, wanted)
        return Planned(client, wanted, tuple(plan(wanted, actual)), note=note)
    except StorageError as error:
        return Planned(client, wanted, error=str(error))


def _observe(client: Client, wanted: Declared) -> tuple[Actual, str]:
    """Return what the server has, and what it could not say though nobody asked for it."""
    if not client.bucket_exists():
        return Actual(False), ""
    policy, note = None, ""
    try:
        policy = client.policy()
    except errors.NotSupported:
        # Without policies nothing is public, which is all that a private bucket wants.
        if wanted.policy is not None:
            raise
        note = "the server has no bucket policies"
    settings = {
        setting: kind.read(client.configuration(kind.query, kind.root))
        for setting, kind in bucket_settings.KINDS.items()
        if setting in wanted.settings
    }
    return Actual(True, policy, settings), note


def _applied(planned: Planned) -> Outcome:
    done: list[Change] = []
    failures = [planned.error] if planned.error else []
    for change in planned.changes:
        try:
            _apply(planned.client, planned.wanted, change)
        except StorageError as error:
            failures.append(f"{change.setting}: {error}")
            if change.setting == "bucket":
                break
        else:
            done.append(change)
    return Outcome(planned.wanted.bucket, tuple(done), " ".join(failures), planned.note)


def _apply(client: Client, wanted: Declared, change: Change) -> None:
    if change.setting == "bucket":
        client.make_bucket(object_lock="object_lock" in wanted.settings)
    elif change.setting == "policy":
        client.set_policy(change.after)
    else:
        kind = bucket_settings.KINDS[change.setting]
        client.configure(kind.query, bucket_settings.document(change.setting, change.after))
        # Some servers take what they do not implement, and leave it out.
        kept = kind.read(client.configuration(kind.query, kind.root))
        if not bucket_settings.same(change.setting, change.after, kept):
            where = client.transport.where
            raise errors.build(errors.NotSupported, where, detail=f"it kept {json.dumps(kept)}")


def ensure(client: Client, options: Options) -> None:
    """Create the client's bucket as it is declared when it is missing."""
    if not client.bucket_exists():
        bucket = client.transport.where.bucket
        own = {item.bucket: item for item in declared(options)}
        wanted = own.get(bucket, Declared(bucket, alias=options.alias))
        for change in plan(wanted, Actual(False)):
            _apply(client, wanted, change)


def ensure_once(client: Client, options: Options) -> None:
    """As `ensure`, but a bucket that was there once in this process is not asked for again."""
    bucket = (options.endpoint, client.transport.where.bucket)
    if bucket not in _seen:
        ensure(client, options)
        _seen.add(bucket)


_seen: set[tuple[parsing.Endpoint, str]] = set()


def _lines(document: Mapping[str, Any]) -> list[str]:
    return json.dumps(document, indent=2).splitlines()


def _in_parallel(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="buckets") as threads:
        return list(threads.map(work, items))
