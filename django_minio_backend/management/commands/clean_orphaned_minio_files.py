from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError
from django.template.defaultfilters import filesizeformat

from django_minio_backend import orphans
from django_minio_backend.client import batches
from django_minio_backend.errors import StorageError
from django_minio_backend.management.base import StorageCommand
from django_minio_backend.orphans import Orphan, Scope, Search

# Objects between two signs of life.
_TOLD_EVERY = 1000


class Command(StorageCommand):
    help = "Delete the objects that no FileField refers to, or list the references to missing ones."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="List them and delete nothing.")
        parser.add_argument(
            "--noinput", "--no-input", action="store_false", dest="interactive", help="Do not ask."
        )
        parser.add_argument("--bucket", default="", metavar="NAME", help="Look at this one only.")
        parser.add_argument(
            "--older-than",
            type=float,
            default=24,
            metavar="HOURS",
            help="Leave alone what is younger (default: 24), as uploads may be without a row yet.",
        )
        parser.add_argument(
            "--exclude",
            action="append",
            default=[],
            metavar="GLOB",
            help="Leave alone what has such a key; may be given several times.",
        )
        parser.add_argument(
            "--max-delete", type=int, metavar="N", help="Delete nothing when there are more."
        )
        parser.add_argument(
            "--max-percent", type=float, metavar="P", help="Delete nothing when it is more of all."
        )
        parser.add_argument("--json", action="store_true", help="Print what was found as JSON.")
        parser.add_argument(
            "--check-missing",
            action="store_true",
            help="List the references to objects that are missing instead, and delete nothing.",
        )
        parser.add_argument("--format", choices=["text", "csv", "json"], default="text")
        parser.add_argument("--fail-on-missing", action="store_true", help="Exit 1 when some are.")

    def handle(self, *, bucket: str = "", check_missing: bool = False, **options: Any) -> None:
        # All fields count as references, whatever the search is narrowed to.
        among = orphans.scopes(orphans.references(), bucket, whole=check_missing)
        if options["storage"]:
            (storage,) = self.storages(options["storage"])
            among = [scope for scope in among if scope.is_of(storage.options.alias)]
        try:
            if check_missing:
                self._report_missing(among, **options)
            else:
                self._clean(among, **options)
        except (StorageError, DatabaseError) as error:
            raise CommandError(f"{type(error).__name__}: {error}") from error

    def _clean(
        self,
        among: Sequence[Scope],
        *,
        dry_run: bool,
        interactive: bool,
        older_than: float,
        exclude: list[str],
        json: bool,
        max_delete: int | None,
        max_percent: float | None,
        verbosity: int,
        **options: Any,
    ) -> None:
        found = orphans.search(
            among,
            older_than=timedelta(hours=older_than),
            exclude=exclude,
            tell=self._progress(verbosity),
        )
        if json:
            self.stdout.write(_as_json(among, found, dry_run))
        elif verbosity:
            self._tell(among, found, dry_run=dry_run, verbosity=verbosity)
        if dry_run or not found.orphans:
            return
        _stop_where(found, max_delete, max_percent)
        if interactive and sys.stdin.isatty() and not self._is_sure(found):
            raise CommandError("Nothing was deleted.")
        deleted = self._delete(found.orphans)
        if verbosity and not json:
            self.stdout.write(f"{deleted:,} deleted.")

    def _delete(self, doomed: Sequence[Orphan]) -> int:
        deleted = 0
        failed: dict[str, str] = {}
        try:
            for batch in _batches(doomed):
                # Rows may have come since the tables were read.
                keys = [orphan.key for orphan in orphans.still_orphans(batch)]
                if keys:
                    refused = batch[0].scope.storage.s3.delete_many(keys)
                    failed |= refused
                    deleted += len(keys) - len(refused)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | StorageError | DatabaseError):
                why = str(error) or "Interrupted"
                raise CommandError(f"{why}. {deleted:,} deleted before, none after.") from error
            raise
        for key, why in failed.items():
            self.stderr.write(f"{key}: {why}")
        if failed:
            raise CommandError(f"{len(failed):,} could not be deleted, {deleted:,} were.")
        return deleted

    def _tell(
        self, among: Sequence[Scope], found: Search, *, dry_run: bool, verbosity: int
    ) -> None:
        if dry_run or verbosity > 1:
            for orphan in found.orphans:
                self.stdout.write(f"{orphan.scope.name}/{orphan.key}")
        places = ", ".join(scope.name for scope in among) or "no bucket: no FileField is ours"
        self.stdout.write(
            f"{found.objects:,} objects in {places}; {len(found.orphans):,} orphans, "
            f"{filesizeformat(found.size)} ({found.percent:.1f} %)."
        )
        if found.young:
            self.stdout.write(f"{found.young:,} more are younger than --older-than: left alone.")

    def _is_sure(self, found: Search) -> bool:
        question = f"Delete {len(found.orphans):,} objects? Type 'yes' to do so: "
        return input(question).strip().lower() == "yes"

    def _progress(self, verbosity: int) -> Any:
        def tell(count: int) -> None:
            if count % _TOLD_EVERY == 0:
                self.stderr.write(f"\r{count:,} objects", ending="")
                self.stderr.flush()

        return tell if verbosity and self.stderr.isatty() else lambda count: None

    def _report_missing(
        self,
        among: Sequence[Scope],
        *,
        format: str,
        fail_on_missing: bool,
        verbosity: int,
        **options: Any,
    ) -> None:
        count = 0
        rows = csv.writer(self.stdout, lineterminator="\n")
        if format == "csv":
            rows.writerow(["model", "field", "pk", "name"])
        for one, pk, name in orphans.missing(among):
            count += 1
            model, field = one.model._meta.label, one.field.name
            if format == "csv":
                rows.writerow([model, field, pk, name])
            elif format == "json":
                line = {"model": model, "field": field, "pk": str(pk), "name": name}
                self.stdout.write(json.dumps(line))
            else:
                self.stdout.write(f"{model} {pk}: {field} {name}")
        if format == "text" and verbosity:
            self.stdout.write(f"{count:,} references to missing objects.")
        if count and fail_on_missing:
            raise CommandError(f"{count:,} references to missing objects.")


def _batches(doomed: Sequence[Orphan]) -> Iterator[Sequence[Orphan]]:
    for _, own in groupby(doomed, key=lambda orphan: id(orphan.scope)):
        yield from batches(list(own))


def _stop_where(found: Search, max_delete: int | None, max_percent: float | None) -> None:
    count = len(found.orphans)
    if max_delete is not None and count > max_delete:
        raise CommandError(f"{count:,} orphans are more than --max-delete {max_delete:,}: stopped.")
    if max_percent is not None and found.percent > max_percent:
        raise CommandError(
            f"{found.percent:.1f} % of the objects are more than --max-percent {max_percent:g}: "
            "stopped."
        )


def _as_json(among: Sequence[Scope], found: Search, dry_run: bool) -> str:
    return json.dumps(
        {
            "buckets": [scope.name for scope in among],
            "objects": found.objects,
            "orphans": [
                {"bucket": one.scope.name, "key": one.key, "size": one.size}
                for one in found.orphans
            ],
            "bytes": found.size,
            "young": found.young,
            "dry_run": dry_run,
        }
    )
