"""Checks that ask the servers; `check --tag minio`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage

from django_minio_backend.buckets import apply, declarations
from django_minio_backend.checks.messages import (
    clock_difference,
    contradiction,
    drifted_bucket,
    unavailable,
)
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.s3 import health
from django_minio_backend.storage.backend import list_storages

#: The tag of the checks that ask the server: `manage.py check --tag minio`.
NETWORK = "minio"

_TOLERATED_CLOCK = 60.0  # seconds; S3 refuses requests at 900


def check_servers(**kwargs: Any) -> list[CheckMessage]:
    """Check that servers answer, and that buckets are as declared. Runs only with its tag."""
    # Django does not tell a check which tags were given.
    caller = sys._getframe(1).f_locals
    if NETWORK not in (caller.get("tags") or ()):
        return []
    try:
        return _ask_servers()
    except ConfigurationError as error:
        return [contradiction(str(error))]


def _ask_servers() -> list[CheckMessage]:
    storages = dict(list_storages())
    states = health.check_all({alias: storage.s3 for alias, storage in storages.items()})
    messages = [message for item in states.items() for message in _check_status(*item)]
    up = {storage.options.alias for alias, storage in storages.items() if states[alias]}
    declared = declarations.merge_declarations(
        (storage.s3, storage.options) for storage in storages.values()
    )
    targets = [target for target in declared if target[1].alias in up]
    for planned in apply.plan_all(targets):
        if planned.error or planned.changes:
            name = planned.declaration.bucket
            messages.append(
                drifted_bucket(
                    f"The bucket '{name}' of storage '{planned.declaration.alias}' is not as "
                    f"declared: {planned.error or planned.was}",
                    "Run `manage.py initialize_buckets`.",
                )
            )
    return messages


def _check_status(alias: str, status: health.MinioServerStatus) -> Iterator[CheckMessage]:
    if not status:
        yield unavailable(f"Storage '{alias}': {status.details}")
    elif abs(status.clock_difference or 0) > _TOLERATED_CLOCK:
        yield clock_difference(
            f"Storage '{alias}': the server's clock differs by {status.clock_difference} s.",
            "Synchronise the clocks: at 15 minutes S3 refuses all requests.",
        )
