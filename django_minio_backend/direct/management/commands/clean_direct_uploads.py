"""`manage.py clean_direct_uploads`: publish the files of saved rows, delete old uploads."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat

from django_minio_backend.direct import cleaning, conf
from django_minio_backend.errors import StorageError


class Command(BaseCommand):
    help = (
        "Publish uploads whose rows are saved, and delete uploads that no form has taken. Run it "
        "each day."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Print, and change nothing.")
        parser.add_argument(
            "--older-than",
            type=float,
            metavar="HOURS",
            help=(
                "Delete uploads that are older than this. The default is three times "
                "DIRECT_UPLOADS_MAX_AGE."
            ),
        )

    def handle(self, *, dry_run: bool, older_than: float | None, **options: Any) -> None:
        age = cleaning.make_default_age() if older_than is None else timedelta(hours=older_than)
        if age < (least := timedelta(seconds=2 * conf.get_max_age())):
            hours = least.total_seconds() / 3600
            raise CommandError(
                f"--older-than must be at least {hours:g} hours (twice DIRECT_UPLOADS_MAX_AGE): a "
                "form may still need younger uploads."
            )
        counts = {"published": 0, "deleted": 0, "kept": 0}
        failures = 0
        for storage in cleaning.list_storages():
            for leftover in cleaning.list_leftovers(storage):
                verdict = self._judge(leftover, age)
                counts[verdict] += 1
                if verdict != "kept":
                    self._print(leftover, verdict, dry_run)
                if dry_run:
                    continue
                try:
                    self._carry_out(leftover, verdict)
                except StorageError as error:
                    failures += 1
                    self.stderr.write(f"{leftover.name or leftover.id}: {error}")
        would = "would be " if dry_run else ""
        self.stdout.write(
            f"{counts['published']} {would}published, {counts['deleted']} {would}deleted, "
            f"{counts['kept']} younger and left alone."
        )
        if failures:
            raise CommandError(f"{failures} of them failed.")

    def _judge(self, leftover: cleaning.Leftover, age: timedelta) -> str:
        if leftover.name:
            return "published"
        return "deleted" if cleaning.is_old(leftover, age) else "kept"

    def _print(self, leftover: cleaning.Leftover, verdict: str, dry_run: bool) -> None:
        verb = f"would be {verdict}" if dry_run else verdict
        name = leftover.name or leftover.id
        self.stdout.write(f"{name} ({filesizeformat(leftover.size)}): {verb}")
        self.stdout.flush()

    def _carry_out(self, leftover: cleaning.Leftover, verdict: str) -> None:
        if verdict == "published":
            cleaning.publish(leftover)
        elif verdict == "deleted":
            cleaning.delete(leftover)
