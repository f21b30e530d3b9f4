"""Checks of buckets that several aliases declare."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage

from django_minio_backend.buckets import declarations
from django_minio_backend.checks.fields import list_field_options
from django_minio_backend.checks.messages import contradictory_buckets, invalid_hooks, shared_bucket
from django_minio_backend.checks.valid import list_valid_aliases, list_valid_options
from django_minio_backend.config.options import Options
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.storage.aliases import list_aliases


def check_buckets(**kwargs: Any) -> list[CheckMessage]:
    """Check that aliases agree about the buckets that they share."""
    valid = list(list_valid_options())
    messages = []
    for options in valid:
        try:
            list(declarations.read_policy_hooks(options))
        except ConfigurationError as error:
            messages.append(invalid_hooks(str(error)))
    if messages:
        return messages
    fields = [(options, True) for _, options in list_field_options()]
    declared = [
        (options.endpoint, item)
        for options, of_field in [*((options, False) for options in valid), *fields]
        for item in declarations.list_declarations(options)
        if item.bucket == options.bucket or not of_field
    ]
    faults: dict[str, None] = {}
    for (here, first), (there, second) in itertools.combinations(declared, 2):
        if (here, first.bucket) == (there, second.bucket):
            try:
                first.merge(second)
            except ConfigurationError as error:
                faults[str(error)] = None
    if faults or len(valid) < len(list_aliases()):
        return [contradictory_buckets(fault) for fault in faults]
    return list(_find_shared_with_static_files())


def _find_shared_with_static_files() -> Iterator[CheckMessage]:
    by_alias = dict(list_valid_aliases())
    static = [
        options
        for alias, options in by_alias.items()
        if options.is_static or alias == "staticfiles"
    ]
    others = [options for alias, options in by_alias.items() if options not in static]
    fields = [options for _, options in list_field_options() if not options.is_static]
    for options in static:
        shared = {
            other.alias: other for other in (*others, *fields) if other.bucket == options.bucket
        }
        for other in shared.values():
            yield from _find_shared(options, other)


def _find_shared(static: Options, other: Options) -> Iterator[CheckMessage]:
    if static.prefix == other.prefix:
        yield shared_bucket(
            f"Storage '{static.alias}' keeps static files where storage '{other.alias}' keeps "
            f"others: in the bucket '{static.bucket}'. `collectstatic --clear` and "
            "`clean_orphaned_minio_files` delete nothing there: they cannot tell them apart.",
            "Give static files a bucket, or a MINIO_LOCATION, of their own.",
        )
    elif static.prefix.startswith(other.prefix) and not other.is_public:
        yield shared_bucket(
            f"Storage '{other.alias}' is private, but anybody can read files that it keeps below "
            f"'{static.prefix}' in the bucket '{static.bucket}': storage '{static.alias}' keeps "
            "static files there.",
            f"Give storage '{other.alias}' a MINIO_LOCATION too, or another bucket.",
        )
