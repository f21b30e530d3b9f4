"""A pure plan of the differences between declared buckets and the server."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django_minio_backend.buckets import policies
from django_minio_backend.buckets.declarations import (
    BucketDeclaration,
)
from django_minio_backend.config import bucket_settings
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.s3.client import Client


@dataclass(frozen=True)
class BucketState:
    """The server's state of a bucket; of the settings only the declared ones."""

    exists: bool
    policy: policies.Policy | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """One step that makes a bucket as declared."""

    action: str
    setting: str
    before: Any = None
    after: Any = None


CREATE = "created"
SET_PUBLIC = "policy set to public"
SET_PRIVATE = "anonymous access removed"
SET_HOOK = "policy set by hook"


def plan_changes(declaration: BucketDeclaration, actual: BucketState) -> list[Change]:
    """Return the changes that a bucket needs, none if it is as declared."""
    if not declaration.areas and declaration.hook is not None and not actual.exists:
        raise ConfigurationError(
            f"Storage '{declaration.alias}': MINIO_POLICY_HOOKS names the bucket "
            f"'{declaration.bucket}', which is neither declared nor on the server: add it to "
            "MINIO_PRIVATE_BUCKETS or MINIO_PUBLIC_BUCKETS."
        )
    changes = [] if actual.exists else [Change(CREATE, "bucket", "missing", "present")]
    for setting, value in declaration.settings.items():
        before = actual.settings.get(setting)
        if not bucket_settings.is_same(setting, value, before):
            changes.append(Change(f"{setting} set", setting, before, value))
    if declaration.policy is None:
        if policies.grants_anonymous(actual.policy):
            rest = policies.drop_anonymous(actual.policy)
            changes.append(Change(SET_PRIVATE, "policy", actual.policy, rest))
    elif not policies.is_same(declaration.policy, actual.policy):
        action = SET_PUBLIC if declaration.hook is None else SET_HOOK
        changes.append(Change(action, "policy", actual.policy, declaration.policy))
    return changes


@dataclass(frozen=True)
class Plan:
    """A bucket and the changes that it needs, or the error that hides them."""

    client: Client
    declaration: BucketDeclaration
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
        before = _split_lines({change.setting: change.before for change in self.changes})
        after = _split_lines({change.setting: change.after for change in self.changes})
        name = self.declaration.bucket
        names = f"{name} on the server", f"{name} as '{self.declaration.alias}' declares it"
        return list(difflib.unified_diff(before, after, *names, n=99, lineterm=""))


def _split_lines(document: Mapping[str, Any]) -> list[str]:
    return json.dumps(document, indent=2).splitlines()
