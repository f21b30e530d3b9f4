"""`manage.py minio_settings`: the settings of another package, as this one has them."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from django_minio_backend.config import django_storages
from django_minio_backend.management.base import FlushingCommand


class Command(FlushingCommand):
    help = (
        "Print the STORAGES for this package that mean what another package's settings mean, with "
        "a comment for each setting. Nothing is changed, and no secret is printed."
    )
    # The storages of the other package may not be importable any more.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--from",
            dest="package",
            choices=["django-storages"],
            required=True,
            help="The package whose settings are read.",
        )

    def handle(self, *, package: str, **options: Any) -> None:
        translations = [
            translation
            for alias, path, given in list_entries()
            if (translation := django_storages.translate(alias, path, given, read)) is not None
        ]
        if not translations:
            raise CommandError(f"No storage of {package} is in STORAGES.")
        self.stdout.write(django_storages.show(translations))


def read(name: str) -> Any:
    """Return a setting of the project, None if it is not set."""
    is_set = settings.is_overridden(name)  # type: ignore[misc]  # the stubs know no such method
    return getattr(settings, name) if is_set else None


def list_entries() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the aliases, backends and options of STORAGES, and of Django 4.2's older settings."""
    for alias, entry in settings.STORAGES.items():
        older = {"default": "DEFAULT_FILE_STORAGE", "staticfiles": "STATICFILES_STORAGE"}
        path = read(older.get(alias, "")) or entry.get("BACKEND", "")
        yield alias, path, dict(entry.get("OPTIONS", {}))
