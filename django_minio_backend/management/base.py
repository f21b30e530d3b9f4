"""The common parts of our commands: flushed output, the choice of storages, --silenced, errors."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, OutputWrapper

from django_minio_backend.errors import ConfigurationError
from django_minio_backend.shards import Shard, parse_shard
from django_minio_backend.storage.backend import MinioBackend, list_storages


class _FlushedOutput(OutputWrapper):
    """Pass on each line at once. Without a terminal Python would hold lines back."""

    def write(self, *args: Any, **keywords: Any) -> None:  # type: ignore[override]
        super().write(*args, **keywords)
        self.flush()


class FlushingCommand(BaseCommand):
    """A command whose lines reach a pipe, `docker logs` or a journal while it works."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        # Only stdout: Python flushes stderr itself.
        stream: Any = options.pop("stdout", None) or self.stdout._out
        self.stdout = _FlushedOutput(stream)
        return super().execute(*args, **options)


class StorageCommand(FlushingCommand):
    """A command for the storages in STORAGES that are ours."""

    # The command uses the network, and reports wrong settings itself.
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
        """Return the storages to work on. Raises CommandError if `alias` is none of ours."""
        return list(self.find_storages(alias).values())

    def find_storages(self, alias: str | None) -> dict[str, MinioBackend]:
        storages = dict(list_storages())
        if alias is None:
            return storages
        if alias not in storages:
            aliases = ", ".join(storages) or "none"
            raise CommandError(
                f"'{alias}' is no storage of this package. Storages that are: {aliases}."
            )
        return {alias: storages[alias]}


def make_number_parser(least: float = 0, most: float = math.inf) -> Callable[[str], float]:
    """Return a parser of numbers for `add_argument`. It explains the fault of other values."""

    def parse(text: str) -> float:
        with suppress(ValueError):
            if least <= (number := float(text)) <= most and math.isfinite(number):
                return number
        upper = "or more" if most == math.inf else f"to {most:g}"
        raise ArgumentTypeError(f"must be a number, {least:g} {upper}, not {text!r}")

    return parse


def make_whole_number_parser(least: int = 0) -> Callable[[str], int]:
    """Return a parser of whole numbers for `add_argument`."""

    def parse(text: str) -> int:
        if text.isdecimal() and int(text) >= least:
            return int(text)
        raise ArgumentTypeError(f"must be a whole number, {least} or more, not {text!r}")

    return parse


def parse_shard_argument(text: str) -> Shard:
    """Return the share that "2/4" stands for, for `add_argument`."""
    try:
        return parse_shard(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def format_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows under their head, in columns of the needed width."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [head, *rows]
    )
