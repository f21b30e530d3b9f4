"""Checks of OPTIONS, of settings in the wrong place, and of INSTALLED_APPS. No network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import storages
from django.utils.text import capfirst

from django_minio_backend.checks.messages import (
    LABEL,
    app_order,
    broken_move,
    contradiction,
    invalid_option,
    misplaced_option,
    missing_option,
    tolerated_option,
    unknown_option,
    version3_settings,
)
from django_minio_backend.checks.valid import list_valid_options
from django_minio_backend.config import options, version3
from django_minio_backend.config.settings import (
    ALSO_FLAT,
    list_backends,
    read_alias_options,
    uses_version3,
)
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.storage.aliases import import_backend, list_aliases
from django_minio_backend.storage.backend import MinioBackend
from django_minio_backend.storage.dual import DualReadStorage


def check_options(**kwargs: Any) -> list[CheckMessage]:
    """Check each alias's OPTIONS by themselves."""
    return [message for alias in list_aliases() for message in _check_alias(alias)]


def _check_alias(alias: str) -> Iterator[CheckMessage]:
    at = f"STORAGES['{alias}']['OPTIONS']"
    if not isinstance(settings.STORAGES[alias].get("OPTIONS", {}), Mapping):
        yield invalid_option(f"{at} must be a mapping.")
        return
    given = read_alias_options(alias)
    cls = import_backend(settings.STORAGES[alias]["BACKEND"])
    # A subclass with its own constructor may take any options.
    own_constructor = cls is not None and cls.has_own_constructor()
    if own_constructor:
        given = {}
    unknown = options.find_unknown(given)
    missing = [] if own_constructor else options.find_missing(given)
    invalid = list(
        options.find_invalid(alias, {n: v for n, v in given.items() if n not in missing})
    )
    for name, hint in unknown.items():
        yield unknown_option(f"{at} has the unknown option {name}.", capfirst(hint))
    for name in missing:
        yield missing_option(f"{at} lacks {name}.", f"Add {name}.")
    for error in invalid:
        yield invalid_option(str(error))
    if own_constructor or not (unknown or missing or invalid):
        try:
            notes = cast(MinioBackend, storages[alias]).options.notes
        except ConfigurationError as error:
            yield contradiction(str(error))
        else:
            yield from (tolerated_option(f"Storage '{alias}': {note}") for note in notes)


def check_places(**kwargs: Any) -> list[CheckMessage]:
    """Check for options in the wrong place, and for version 3's settings."""
    messages = [
        misplaced_option(
            f"{name} in STORAGES['{alias}'] has no effect there.",
            f"Move it into STORAGES['{alias}']['OPTIONS'].",
        )
        for alias in list_aliases()
        for name in settings.STORAGES[alias]
        if name in options.NAMES
    ]
    flat = version3.read_settings()
    if flat and uses_version3(list_aliases()):
        return [*messages, version3_settings(_FLAT, write_storages(flat))]
    used = [read_alias_options(alias) for alias in list_aliases()]
    # A setting that OPTIONS are made of is in the right place.
    return messages + [
        misplaced_option(
            f"The setting {name} has no effect outside STORAGES.",
            "Move it into the OPTIONS of the storage that it is for.",
        )
        for name, value in version3.list_settings().items()
        if name not in ALSO_FLAT
        and not any(o.get(options.RENAMED.get(name, name)) == value for o in used)
    ]


_FLAT = "MINIO_… settings outside STORAGES are version 3's and deprecated."


def write_storages(flat: Mapping[str, Any]) -> str:
    """Return the STORAGES for version 3's settings, without the secrets."""
    lines = ["Write instead:", "", "MINIO = {"]
    lines += [f'    "{name}": {_write_code(name, value)},' for name, value in sorted(flat.items())]
    lines += ["}", "STORAGES = {"]
    for alias, backend in list_backends():
        storage_options = ', "OPTIONS": MINIO' if alias in list_aliases() else ""
        lines.append(f'    "{alias}": {{"BACKEND": "{backend}"{storage_options}}},')
    if not list_aliases():
        backend = f"{MinioBackend.__module__}.MinioBackend"
        lines.append(f'    "minio": {{"BACKEND": "{backend}", "OPTIONS": MINIO}},')
    return "\n".join([*lines, "}"])


def _write_code(name: str, value: Any) -> str:
    if name in options.SECRET:
        return f'os.environ["{name}"]'
    # A live object has no literal. Its setting may stay a variable.
    return name if "object at 0x" in repr(value) else repr(value)


def check_app_order(**kwargs: Any) -> list[CheckMessage]:
    """Check that `collectstatic` is ours if static files are."""
    names = [config.name for config in apps.get_app_configs()]
    static = any(options.is_static for options in list_valid_options())
    if not static or {LABEL, _STATICFILES} - {*names}:
        return []
    if names.index(LABEL) < names.index(_STATICFILES):
        return []
    return [
        app_order(
            f"{_STATICFILES} comes before {LABEL} in INSTALLED_APPS, so that `collectstatic` is "
            "Django's, which is slower.",
            f"Put {LABEL} before {_STATICFILES}.",
        )
    ]


_STATICFILES = "django.contrib.staticfiles"


def check_moves(**kwargs: Any) -> list[CheckMessage]:
    """Check that both storages of a DualReadStorage exist, and the view of its links."""
    messages = []
    for alias, backend in list_backends():
        if import_backend(backend, DualReadStorage):
            try:
                cast(DualReadStorage, storages[alias]).check()
            except (ImproperlyConfigured, TypeError) as error:
                messages.append(broken_move(f"STORAGES['{alias}']: {error}"))
    return messages
