from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_minio_backend.buckets import apply, declarations
from django_minio_backend.buckets.apply import Outcome
from django_minio_backend.buckets.plan import Plan
from django_minio_backend.management.base import StorageCommand, format_table, make_number_parser
from django_minio_backend.storage.backend import MinioBackend

# The seconds between two tests whether the server answers.
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
            "--check",
            action="store_true",
            help="Change nothing. Exit with code 1 if a bucket differs.",
        )
        parser.add_argument(
            "--wait",
            type=make_number_parser(),
            default=0,
            metavar="SECONDS",
            help="Wait up to so many seconds for the server.",
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
        # All aliases are compared with each other, also if the run is limited.
        targets = declarations.merge_declarations(
            (storage_of_ours.s3, storage_of_ours.options) for storage_of_ours in self.storages(None)
        )
        if storage:
            targets = [target for target in targets if target[1].is_of(storages[0].options.alias)]
        if bucket:
            names = sorted(declaration.bucket for _, declaration in targets)
            targets = [target for target in targets if target[1].bucket == bucket]
            if not targets:
                raise CommandError(
                    f"No storage declares a bucket '{bucket}'. Declared: {', '.join(names)}."
                )
        _wait_for(storages, wait)
        planned = apply.plan_all(targets)
        if dry_run or check:
            self._report(planned, [], verbosity, diffs=dry_run or verbosity > 1)
            self._check_failures(storage_of_ours.error for storage_of_ours in planned)
            if check and (
                differing := sum(bool(storage_of_ours.changes) for storage_of_ours in planned)
            ):
                raise CommandError(f"{differing} bucket(s) differ from what is declared.")
            return
        outcomes = apply.apply_all(planned)
        self._report(planned, outcomes, verbosity, diffs=verbosity > 1)
        self._check_failures(outcome.error for outcome in outcomes)

    def _report(
        self,
        planned: Sequence[Plan],
        outcomes: Sequence[Outcome],
        verbosity: int,
        *,
        diffs: bool,
    ) -> None:
        failures = [result.error for result in outcomes] or [result.error for result in planned]
        for plan, error in zip(planned, failures, strict=True):
            if error:
                self.stderr.write(f"{plan.declaration.alias}: {plan.declaration.bucket}: {error}")
        if not verbosity:
            return
        head = ["STORAGE", "BUCKET", "DECLARED", "WAS"] + ["NOW"] * bool(outcomes)
        rows = [
            [plan.declaration.alias, plan.declaration.bucket, plan.declaration.kind, plan.was]
            for plan in planned
        ]
        for row, outcome in zip(rows, outcomes, strict=bool(outcomes)):
            row.append(outcome.now)
        self.stdout.write(format_table(head, rows))
        for plan in planned:
            if plan.note:
                self.stdout.write(f"{plan.declaration.bucket}: {plan.note}")
            if diffs and plan.changes:
                self.stdout.write("\n" + "\n".join(plan.diff()))

    def _check_failures(self, errors: Any) -> None:
        if failed := sum(map(bool, errors)):
            raise CommandError(f"{failed} bucket(s) could not be initialised.")


def _wait_for(storages: Sequence[MinioBackend], seconds: float) -> None:
    until = time.monotonic() + seconds
    for storage in storages:
        while not storage.is_minio_available().is_up and time.monotonic() < until:
            time.sleep(_PAUSE)
