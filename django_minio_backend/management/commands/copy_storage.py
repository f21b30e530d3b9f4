from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import chain
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError

from django_minio_backend.errors import ConfigurationError
from django_minio_backend.management.base import (
    FlushingCommand,
    make_whole_number_parser,
    parse_shard_argument,
)
from django_minio_backend.management.progress import ProgressLine, confirm
from django_minio_backend.moving import extra
from django_minio_backend.moving.adapters import Item
from django_minio_backend.moving.inventory import Inventory
from django_minio_backend.moving.tally import Tally
from django_minio_backend.moving.transfer import Outcome, Transfer, Verdict, find_names_in_rows
from django_minio_backend.shards import ALL, Shard

WORKERS = 8


class Command(FlushingCommand):
    help = "Copy the files of one storage to another, and check that they are the same."
    # The command uses the network, and reports wrong settings itself.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--from",
            dest="source",
            required=True,
            metavar="ALIAS",
            help="The alias in STORAGES to copy from.",
        )
        parser.add_argument(
            "--to",
            dest="target",
            required=True,
            metavar="ALIAS",
            help="The alias in STORAGES to copy to.",
        )
        parser.add_argument(
            "--prefix", default="", metavar="P", help="Copy only files whose names begin with P."
        )
        parser.add_argument(
            "--only-referenced",
            action="store_true",
            help="Copy only files that FileFields or MINIO_REFERENCES refer to.",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="Print the summary and change nothing."
        )
        parser.add_argument(
            "--verify-only",
            action="store_true",
            help="Compare the files and change nothing. Both are read if checksums say nothing.",
        )
        parser.add_argument(
            "--delete-extra",
            action="store_true",
            help="Delete files that only the target has, after asking.",
        )
        parser.add_argument(
            "--noinput", "--no-input", action="store_false", dest="interactive", help="Do not ask."
        )
        parser.add_argument(
            "--workers",
            type=make_whole_number_parser(1),
            default=WORKERS,
            metavar="N",
            help="Copy N files at once (default: 8).",
        )
        parser.add_argument(
            "--shard",
            type=parse_shard_argument,
            default=ALL,
            metavar="I/N",
            help="Copy share I of N: so many workers can share the work.",
        )

    def handle(self, *, source: str, target: str, **options: Any) -> None:
        modes = {"verify_only": options["verify_only"], "dry_run": options["dry_run"]}
        self.verbosity = options["verbosity"]
        self.tally = Tally(**modes)
        if ".." in options["prefix"].split("/"):
            raise CommandError(f"--prefix leads out of the storage: {options['prefix']!r}.")
        if options["delete_extra"] and (options["only_referenced"] or options["verify_only"]):
            raise CommandError(
                "--delete-extra goes with neither --only-referenced nor --verify-only."
            )
        try:
            self._transfer(Transfer.between(source, target, **modes), **options)
        except KeyboardInterrupt:
            raise CommandError(f"Interrupted. {self.tally} Run it again to go on.") from None
        except (ConfigurationError, DatabaseError) as error:
            raise CommandError(str(error)) from error
        except CommandError:
            raise
        except Exception as error:
            # Other packages' storages may raise anything.
            raise CommandError(f"{type(error).__name__}: {error}\n{self.tally}") from error

    def _transfer(
        self,
        transfer: Transfer,
        *,
        prefix: str,
        only_referenced: bool,
        delete_extra: bool,
        interactive: bool,
        workers: int,
        shard: Shard,
        **options: Any,
    ) -> None:
        if delete_extra:
            extra.check_target(transfer)
        with closing(Inventory()) as inventory:
            # The target first: files that come while the source is listed are not extra.
            is_listed = delete_extra or transfer.verify_only or transfer.target.lists_cheaply
            if is_listed:
                inventory.add_target(self._list_target(transfer, prefix, shard))
            source_items = transfer.source.list_items(prefix)
            inventory.add_source(item for item in source_items if shard.holds(item.name))
            find = inventory.find_target if is_listed else transfer.target.find
            if prefix and inventory.measure_source() == (0, 0):
                self.stderr.write(f"No file of '{transfer.source.alias}' begins with '{prefix}'.")
            if only_referenced:
                self._find_referenced(transfer, inventory, find, prefix, shard)
            count, size = inventory.measure_source(only_needed=only_referenced)
            self.tally.start(count, size)
            line = ProgressLine(self.stderr, is_wanted=self.verbosity == 1)
            items = inventory.list_source(only_needed=only_referenced)
            for outcome in transfer.run_all(items, find, workers):
                self._report(outcome)
                if line.is_due:
                    line.show(self.tally.progress)
            line.clear()
            if delete_extra:
                self._delete_extra(transfer, inventory, prefix, interactive)
            elif (
                self.verbosity and not only_referenced and (extra_count := inventory.count_extra())
            ):
                self.stdout.write(f"{extra_count:,} are in '{transfer.target.alias}' only.")
        if self.verbosity:
            self.stdout.write(str(self.tally))
        if different := self.tally.differences:
            raise CommandError(f"{different:,} of {count:,} files are not the same.")

    def _list_target(self, transfer: Transfer, prefix: str, shard: Shard) -> Iterator[Item]:
        """Yield the target's files. Those that cannot be listed count as failures."""
        for item in transfer.list_target_items(prefix):
            if item.fault:
                self._report(Outcome(item, Verdict.FAILED, item.fault))
            elif shard.holds(item.name):
                yield item

    def _find_referenced(
        self,
        transfer: Transfer,
        inventory: Inventory,
        find: Callable[[str], Item | None],
        prefix: str,
        shard: Shard,
    ) -> None:
        """Add the names in rows to the inventory. Report those that neither end has."""
        source, target = transfer.source, transfer.target
        names = find_names_in_rows([source, target], prefix)
        if (first := next(names, None)) is None:
            raise CommandError(f"No row refers to a file of '{source.alias}' or '{target.alias}'.")
        inventory.add_needed(name for name in chain([first], names) if shard.holds(name))
        for name in inventory.list_missing():
            if not find(name):
                self.stderr.write(f"{name}: is referred to and not there")

    def _report(self, outcome: Outcome) -> None:
        self.tally.add(outcome)
        if outcome.verdict is Verdict.COPIED:
            if self.verbosity > 1:
                self.stdout.write(f"{outcome.item.name}: {self.tally.verb}")
        elif outcome.detail:
            self.stderr.write(f"{outcome.item.name}: {outcome.detail}")

    def _delete_extra(
        self,
        transfer: Transfer,
        inventory: Inventory,
        prefix: str,
        interactive: bool,
    ) -> None:
        if not inventory.measure_source()[0]:
            raise CommandError("The source has no files: --delete-extra would delete all others.")
        if self.tally.differences:
            raise CommandError(f"{self.tally} Nothing was deleted.")
        to_delete = extra.select_extra(transfer, inventory, prefix)
        if transfer.dry_run or self.verbosity > 1:
            for item in to_delete:
                self.stdout.write(f"{item.name}: extra")
        count, verb = len(to_delete), "would be deleted"
        if not transfer.dry_run:
            verb = "deleted"
            if to_delete and interactive:
                question = f"Delete {len(to_delete):,} files in '{transfer.target.alias}'?"
                confirm(question, unattended=False)
            count, failed = (
                extra.delete_extra(transfer, to_delete, prefix) if to_delete else (0, {})
            )
            if failed:
                reasons = "; ".join(f"{name} ({reason})" for name, reason in failed.items())
                raise CommandError(f"Not deleted: {reasons}")
        if self.verbosity:
            self.stdout.write(f"{count:,} extra {verb}.")
