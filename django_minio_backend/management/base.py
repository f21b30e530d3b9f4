"""What our commands share: which storages, --silenced, and settings mistakes as one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_minio_backend.errors import ConfigurationError
from django_minio_backend.storage import MinioBackend, configured


class StorageCommand(BaseCommand):
    """A command over the storages in STORAGES that are ours."""

    # The network is the command's business, and what is wrong it says itself.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--silenced", action="store_true", help="Print nothing but errors.")
        parser.add_argument("--storage", metavar="ALIAS", help="Only this alias of STORAGES.")

    def execute(self, *args: Any, **options: Any) -> str | None:
        if options.get("silenced"):
            options["verbosity"] = 0
        try:
            return super().execute(*args, **options)
        except ConfigurationError as error:
            raise CommandError(str(error)) from error

    def storages(self, alias: str | None) -> list[MinioBackend]:
        """Return the storages to work on. Raises CommandError when `alias` is none of them."""
        return list(self.by_alias(alias).values())

    def by_alias(self, alias: str | None) -> dict[str, MinioBackend]:
        found = dict(configured())
        if alias is None:
            return found
        if alias not in found:
            ours = ", ".join(found) or "none"
            raise CommandError(
                f"'{alias}' is no storage of this package. Storages that are: {ours}."
            )
        return {alias: found[alias]}


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows under their head, in columns as wide as they need to be."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [head, *rows]
    )
