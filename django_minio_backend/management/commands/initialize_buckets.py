from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_minio_backend import buckets
from django_minio_backend.buckets import Outcome, Planned
from django_minio_backend.management.base import StorageCommand, table
from django_minio_backend.storage import MinioBackend

# Seconds between two looks whether the server is there.
_PAUSE = 0.5


class Command(StorageCommand):
    help = "Create the buckets that STORAGES declares and correct what differs from it."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--bucket", help="Only this bucket.")
        parser.add_argument(
            "--dry-run", action="store_true", help="Print what would change and change nothing."
        )
        parser.add_argument(
            "--check", action="store_true", help="Change nothing; exit 1 when something differs."
        )
        parser.add_argument(
            "--wait",
            type=float,
            default=0,
            metavar="SECONDS",
            help="Wait for the server to answer, this long at most.",
        )

    def handle(
        self,
        *,
        storage: str | None = None,
        bucket: str | None = None,
        dry_run: bool = False,
        check: bool = False,
        wait: float = 0,
        verbosity: int = 1,
        **options: Any,
    ) -> None:
        storages = self.storages(storage)
        # All are compared with each other, whatever the run is narrowed to.
        targets = buckets.all_declared((one.s3, one.options) for one in self.storages(None))
        if storage:
            targets = [target for target in targets if target[1].is_of(storages[0].options.alias)]
        if bucket:
            names = sorted(wanted.bucket for _, wanted in targets)
            targets = [target for target in targets if target[1].bucket == bucket]
            if not targets:
                raise CommandError(
                    f"No storage declares a bucket '{bucket}'. Declared: {', '.join(names)}."
                )
        _wait_for(storages, wait)
        planned = buckets.plan_all(targets)
        if dry_run or check:
            self._report(planned, [], verbosity, diffs=dry_run or verbosity > 1)
            self._fail_where(one.error for one in planned)
            if check and (differing := sum(bool(one.changes) for one in planned)):
                raise CommandError(f"{differing} bucket(s) differ from what is declared.")
            return
        outcomes = buckets.apply_all(planned)
        self._report(planned, outcomes, verbosity, diffs=verbosity > 1)
        self._fail_where(outcome.error for outcome in outcomes)

    def _report(
        self,
        planned: Sequence[Planned],
        outcomes: Sequence[Outcome],
        verbosity: int,
        *,
        diffs: bool,
    ) -> None:
        failures = [found.error for found in outcomes] or [found.error for found in planned]
        for one, error in zip(planned, failures, strict=True):
            if error:
                self.stderr.write(f"{one.wanted.alias}: {one.wanted.bucket}: {error}")
        if not verbosity:
            return
        head = ["STORAGE", "BUCKET", "DECLARED", "WAS"] + ["NOW"] * bool(outcomes)
        rows = [[one.wanted.alias, one.wanted.bucket, one.wanted.kind, one.was] for one in planned]
        for row, outcome in zip(rows, outcomes, strict=bool(outcomes)):
            row.append(outcome.now)
        self.stdout.write(table(head, rows))
        for one in planned:
            if one.note:
                self.stdout.write(f"{one.wanted.bucket}: {one.note}")
            if diffs and one.changes:
                self.stdout.write("\n" + "\n".join(one.diff()))

    def _fail_where(self, errors: Any) -> None:
        if failed := sum(map(bool, errors)):
            raise CommandError(f"{failed} bucket(s) could not be initialised.")


def _wait_for(storages: Sequence[MinioBackend], seconds: float) -> None:
    until = time.monotonic() + seconds
    for storage in storages:
        while not storage.is_minio_available().is_up and time.monotonic() < until:
            time.sleep(_PAUSE)
