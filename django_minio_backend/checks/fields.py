"""Checks of the buckets and storages of FileFields."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from django.core.checks import CheckMessage
from django.core.files.storage import DefaultStorage
from django.db.models import FileField
from django.utils.functional import LazyObject, empty

from django_minio_backend.checks.messages import (
    contradiction,
    misplaced_keyword,
    shared_name,
    tolerated_option,
    undeclared_bucket,
    unread_attribute,
)
from django_minio_backend.checks.valid import list_valid_options
from django_minio_backend.config.options import Options
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.models import iso_date_prefix
from django_minio_backend.references.fields import list_file_fields
from django_minio_backend.storage.backend import MinioBackend

#: The attributes that subclasses of django-storages' S3Storage have, and the options instead.
UNREAD = {
    "bucket_name": "MINIO_DEFAULT_BUCKET",
    "custom_domain": "MINIO_PUBLIC_BASE_URL",
    "default_acl": "MINIO_PUBLIC_BUCKETS or MINIO_PRIVATE_BUCKETS",
    "file_overwrite": "replace_existing",
    "gzip": "MINIO_GZIP",
    "location": "MINIO_LOCATION",
    "object_parameters": "MINIO_OBJECT_HEADERS",
    "querystring_auth": "MINIO_PUBLIC_BUCKETS or MINIO_PRIVATE_BUCKETS",
    "querystring_expire": "MINIO_URL_EXPIRY_HOURS",
}


def check_fields(**kwargs: Any) -> list[CheckMessage]:
    """Check the buckets of FileFields, and the options of their storages."""
    valid = list(list_valid_options())
    declared = {
        (options.endpoint, bucket) for options in valid for bucket in _list_buckets(options)
    }
    reported = {note for options in valid for note in options.notes}
    messages: list[CheckMessage] = []
    for model_field, field_options in list_field_options():
        messages += _find_misplaced(model_field)
        messages += _find_unread(model_field)
        messages += _find_shared_names(model_field, field_options)
        if (field_options.endpoint, field_options.bucket) not in declared:
            messages.append(
                undeclared_bucket(
                    f"No storage declares the bucket '{field_options.bucket}' of {model_field}.",
                    "Add it to MINIO_PRIVATE_BUCKETS or MINIO_PUBLIC_BUCKETS, so that "
                    "initialize_buckets creates it.",
                    obj=model_field,
                )
            )
        messages += [
            tolerated_option(f"The storage of {model_field}: {note}")
            for note in field_options.notes
            if note not in reported
        ]
    return messages + list(_find_broken(valid))


def _find_misplaced(model_field: FileField) -> Iterator[CheckMessage]:
    """Yield keywords of a field's storage that `initialize_buckets` reads only in OPTIONS."""
    for storage in _get_storages(model_field):
        for name in ("MINIO_BUCKETS", "MINIO_POLICY_HOOKS"):
            if name in storage._beyond_alias:
                yield misplaced_keyword(
                    f"{name} of the storage of {model_field} has no effect there.",
                    f"Move it into the OPTIONS of storage '{storage.options.alias}'.",
                    obj=model_field,
                )


def _find_unread(model_field: FileField) -> Iterator[CheckMessage]:
    """Yield the attributes of a field's storage class that nothing reads.

    Version 4 ignored them, too, so they cannot count now: rows would lose their files.
    """
    for storage in _get_storages(model_field):
        kind = storage.__class__  # that of the storage in a lazy one
        for name in sorted(_list_own_attributes(kind)):
            if name in UNREAD and (name, getattr(kind, name)) != ("bucket_name", storage.bucket):
                yield unread_attribute(
                    f"{kind.__name__}.{name}, the storage of {model_field}, is not read: the files "
                    f"are in the bucket '{storage.bucket}' below '{storage.options.prefix}'.",
                    f"Use {UNREAD[name]}, in OPTIONS or as a keyword. Look first where the files "
                    "of the rows are.",
                    obj=model_field,
                )


def _list_own_attributes(kind: type[MinioBackend]) -> set[str]:
    """Return the attributes that a project's classes add; none if they have a constructor."""
    own = [cls for cls in kind.__mro__ if issubclass(cls, MinioBackend)]
    own = [cls for cls in own if not cls.__module__.startswith("django_minio_backend.")]
    return set() if kind.has_own_constructor() else {name for cls in own for name in vars(cls)}


def _find_shared_names(model_field: FileField, options: Options) -> Iterator[CheckMessage]:
    """Yield a warning if two rows' uploads of one name would be one object."""
    named_by_row = callable(model_field.upload_to) and model_field.upload_to is not iso_date_prefix
    if options.replace_existing and not named_by_row:
        yield shared_name(
            f"{model_field} replaces files under names that do not belong to their rows: if two "
            "rows get an upload of one name, the second file replaces the first row's file.",
            "Give it an upload_to that makes the name from the row, such as "
            "f'avatars/{instance.pk}', or set replace_existing to False.",
            obj=model_field,
        )


def _find_broken(valid: Sequence[Options]) -> Iterator[CheckMessage]:
    """Yield the faults of fields' storages that no alias has."""
    valid_aliases = {options.alias for options in valid}
    for _, model_field in list_file_fields():
        for storage in _get_storages(model_field):
            try:
                _ = storage.options
            except ConfigurationError as error:
                if storage._keywords.get("storage_name", "default") in valid_aliases:
                    yield contradiction(str(error), obj=model_field)


def _get_storages(model_field: FileField) -> list[MinioBackend]:
    """Return a field's storage if it is ours. A lazy storage is not made."""
    try:
        return _keep_ours(model_field.storage)
    except Exception:
        # Another storage may raise anything. Django's own checks report it.
        return []


def _keep_ours(storage: Any) -> list[MinioBackend]:
    is_lazy = isinstance(storage, LazyObject) and type(storage) is not DefaultStorage
    if is_lazy and storage.__dict__.get("_wrapped", empty) is empty:
        return []
    return [storage] if isinstance(storage, MinioBackend) else []


def list_field_options() -> Iterator[tuple[FileField, Options]]:
    """Yield the FileFields whose storage is ours, with its options."""
    for _, model_field in list_file_fields():
        if (options := _read_options(model_field)) is not None:
            yield model_field, options


def _read_options(field: FileField) -> Options | None:
    with suppress(ConfigurationError):
        return next((storage.options for storage in _get_storages(field)), None)
    return None


def _list_buckets(options: Options) -> set[str]:
    return {*options.private_buckets, *options.public_buckets}
