"""What our commands share: --silenced, and settings mistakes as one line."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_minio_backend.errors import ConfigurationError


class StorageCommand(BaseCommand):
    """A command over the storages in STORAGES that are ours."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--silenced", action="store_true", help="Print nothing but errors.")

    def execute(self, *args: Any, **options: Any) -> str | None:
        if options.get("silenced"):
            options["verbosity"] = 0
        try:
            return super().execute(*args, **options)
        except ConfigurationError as error:
            raise CommandError(str(error)) from error
