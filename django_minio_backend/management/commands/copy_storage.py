from __future__ import annotations

import datetime
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.template.defaultfilters import filesizeformat

from django_minio_backend import transfer
from django_minio_backend.bucket_place import Bucket
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.places import Item
from django_minio_backend.transfer import DIFFERENCES, Outcome, Transfer, Verdict

WORKERS = 8
# How many files are waiting for each that is under way.
_AHEAD = 4
# What opening a file costs, in bytes that could be sent meanwhile: for the time that is left.
_EACH = 64 * 2**10


class Command(BaseCommand):
    help = "Copy the files of one storage to another, and check that they are the same."
    # The network is the command's business, and what is wrong it says itself.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="source", required=True, metavar="ALIAS")
        parser.add_argument("--to", dest="target", required=True, metavar="ALIAS")
        parser.add_argument(
            "--prefix", default="", metavar="P", help="Only files whose name begins with it."
        )
        parser.add_argument(
            "--only-referenced",
            action="store_true",
            help="Only what FileFields and MINIO_REFERENCES name.",
        )
        parser.add_argument("--dry-run", action="store_true", help="Say what would be done.")
        parser.add_argument(
            "--verify-only",
            action="store_true",
            help="Compare, reading both where checksums say nothing, and change nothing.",
        )
        parser.add_argument(
            "--delete-extra",
            action="store_true",
            help="Delete what only the target has, after asking.",
        )
        parser.add_argument(
            "--noinput", "--no-input", action="store_false", dest="interactive", help="Do not ask."
        )
        parser.add_argument(
            "--workers",
            type=int,
            default=WORKERS,
            metavar="N",
            help="Copy N files at once (default: 8).",
        )

    def handle(self, *, source: str, target: str, **options: Any) -> None:
        self.verbosity, self.dry_run = options["verbosity"], options["dry_run"]
        self.verify_only = options["verify_only"]
        self.counts: Counter[Verdict] = Counter()
        self.copied_bytes = 0
        if ".." in options["prefix"].split("/"):
            raise CommandError(f"--prefix leads out of the storage: {options['prefix']!r}.")
        if options["delete_extra"] and (options["only_referenced"] or options["verify_only"]):
            raise CommandError(
                "--delete-extra goes with neither --only-referenced nor --verify-only."
            )
        try:
            moving = Transfer.between(
                source, target, verify_only=options["verify_only"], dry_run=options["dry_run"]
            )
            self._transfer(moving, **options)
        except KeyboardInterrupt:
            raise CommandError(f"Interrupted. {self._summary()} Run it again to go on.") from None
        except (ConfigurationError, DatabaseError) as error:
            raise CommandError(str(error)) from error
        except CommandError:
            raise
        except Exception as error:
            # Whatever a storage by somebody else raises.
            raise CommandError(f"{type(error).__name__}: {error}\n{self._summary()}") from error

    def _transfer(
        self,
        moving: Transfer,
        *,
        prefix: str,
        only_referenced: bool,
        delete_extra: bool,
        interactive: bool,
        workers: int,
        **options: Any,
    ) -> None:
        if delete_extra:
            _refuse_to_delete(moving)
        # First, so that what comes while the source is listed is no extra file.
        asked = not (delete_extra or moving.verify_only or isinstance(moving.target, Bucket))
        there = {} if asked else moving.there(prefix)
        items = list(moving.source.items(prefix))
        names = {item.name for item in items}
        if prefix and not items:
            self.stderr.write(f"No file of '{moving.source.alias}' begins with '{prefix}'.")
        find = moving.target.find if asked else there.get
        if only_referenced:
            wanted = self._referenced(moving, prefix)
            items = [item for item in items if item.name in wanted]
            self._warn_of_missing({name for name in wanted - names if not find(name)})
        for outcome in self._run_all(moving, items, find, workers):
            self._count(outcome)
        extra = [] if only_referenced else [there[name] for name in sorted(set(there) - names)]
        if delete_extra:
            self._delete_extra(moving, items, extra, prefix, interactive)
        elif self.verbosity and extra:
            self.stdout.write(f"{len(extra):,} are in '{moving.target.alias}' only.")
        if self.verbosity:
            self.stdout.write(self._summary())
        if self._differences:
            raise CommandError(f"{self._differences:,} of {len(items):,} files are not the same.")

    def _referenced(self, moving: Transfer, prefix: str) -> set[str]:
        if not (wanted := transfer.referenced([moving.source, moving.target], prefix)):
            raise CommandError(
                f"No row refers to a file of '{moving.source.alias}' or '{moving.target.alias}'."
            )
        return wanted

    def _run_all(
        self,
        moving: Transfer,
        items: Sequence[Item],
        find: Callable[[str], Item | None],
        workers: int,
    ) -> Iterator[Outcome]:
        """Yield what becomes of the files, several at once; what is fatal ends it."""
        jobs: set[Future[Outcome]] = set()
        meter = _Meter(items, self._tell if self._is_watched else None)

        def land() -> Iterator[Outcome]:
            nonlocal jobs
            done, jobs = wait(jobs, return_when=FIRST_COMPLETED)
            for job in done:
                outcome = job.result()
                meter.advance(outcome.item)
                yield outcome

        with ThreadPoolExecutor(max(1, workers), thread_name_prefix="copy") as threads:
            try:
                for item in items:
                    jobs.add(threads.submit(moving.run, item, find))
                    if len(jobs) >= _AHEAD * workers:
                        yield from land()
                while jobs:
                    yield from land()
            except BaseException:
                threads.shutdown(cancel_futures=True)
                raise

    def _count(self, outcome: Outcome) -> None:
        self.counts[outcome.verdict] += 1
        if outcome.verdict is Verdict.COPIED:
            self.copied_bytes += outcome.item.size
            if self.verbosity > 1:
                self.stdout.write(f"{outcome.item.name}: {self._verb}")
        elif outcome.detail:
            self.stderr.write(f"{outcome.item.name}: {outcome.detail}")

    @property
    def _differences(self) -> int:
        return sum(self.counts[verdict] for verdict in DIFFERENCES)

    @property
    def _verb(self) -> str:
        return "to copy" if self.dry_run else Verdict.COPIED.value

    def _summary(self) -> str:
        copied = self.counts[Verdict.COPIED]
        size = filesizeformat(self.copied_bytes)
        told = [] if self.verify_only else [f"{copied:,} {self._verb} ({size})"]
        told += [
            f"{self.counts[verdict]:,} {self._word(verdict)}"
            for verdict in Verdict
            if verdict is not Verdict.COPIED
            and (self.counts[verdict] or (self.verify_only and verdict is Verdict.EQUAL))
        ]
        return f"{', '.join(told)}."

    def _word(self, verdict: Verdict) -> str:
        return "the same" if self.verify_only and verdict is Verdict.EQUAL else verdict.value

    def _warn_of_missing(self, names: set[str]) -> None:
        for name in sorted(names):
            self.stderr.write(f"{name}: is referred to and not there")

    def _delete_extra(
        self,
        moving: Transfer,
        items: Sequence[Item],
        extra: Sequence[Item],
        prefix: str,
        interactive: bool,
    ) -> None:
        if not items:
            raise CommandError("The source has no files: --delete-extra would delete all others.")
        if self._differences:
            raise CommandError(f"{self._summary()} Nothing was deleted.")
        # What a row refers to is missing in the source, and not extra.
        needed = transfer.referenced([moving.source, moving.target], prefix)
        doomed = [item for item in extra if item.name not in needed]
        if moving.dry_run or self.verbosity > 1:
            for item in doomed:
                self.stdout.write(f"{item.name}: extra")
        deleted = len(doomed)
        if doomed and not moving.dry_run:
            self._ask(len(doomed), moving.target.alias, interactive)
            deleted = _delete(moving, doomed, prefix)
        if self.verbosity:
            verb = "would be deleted" if moving.dry_run else "deleted"
            self.stdout.write(f"{deleted:,} extra {verb}.")

    def _ask(self, count: int, alias: str, interactive: bool) -> None:
        if not interactive:
            return
        if not sys.stdin.isatty():
            raise CommandError("--delete-extra asks on a terminal; elsewhere it needs --noinput.")
        answer = input(f"Delete {count:,} files in '{alias}'? Type 'yes' to do so: ")
        if answer.strip().lower() != "yes":
            raise CommandError("Nothing was deleted.")

    @property
    def _is_watched(self) -> bool:
        return self.verbosity == 1 and self.stderr.isatty()

    def _tell(self, text: str) -> None:
        self.stderr.write(f"\r{text}\x1b[K", lambda line: line, "" if text else "\r")
        self.stderr.flush()


def _refuse_to_delete(moving: Transfer) -> None:
    target = moving.target
    if moving.may_be_nested:
        raise CommandError(
            f"'{moving.source.alias}' and '{target.alias}' have buckets of one name, which may be "
            "one bucket: --delete-extra would delete the source."
        )
    for alias in transfer.writers_of(target):
        raise CommandError(
            f"'{alias}' writes to '{target.alias}': what only that has is the site's, and "
            "--delete-extra would delete it."
        )


def _delete(moving: Transfer, doomed: Sequence[Item], prefix: str) -> int:
    """Delete what is as it was listed; return how many that were."""
    now = moving.there(prefix)
    same = [item.name for item in doomed if item.is_version_of(now.get(item.name))]
    if failed := moving.target.delete(same):
        told = "; ".join(f"{name} ({why})" for name, why in failed.items())
        raise CommandError(f"Not deleted: {told}")
    return len(same)


class _Meter:
    """Tells how far it is, how fast, and how long it will take."""

    def __init__(self, items: Sequence[Item], tell: Callable[[str], None] | None) -> None:
        self._files = len(items)
        self._bytes = sum(item.size for item in items)
        self._done_files = self._done_bytes = 0
        self._tell = tell
        self._began = self._told = time.monotonic()

    def advance(self, item: Item) -> None:
        self._done_files += 1
        self._done_bytes += item.size
        if self._tell is None:
            return
        now = time.monotonic()
        if self._done_files == self._files:
            self._tell("")
        elif now - self._told >= 0.2:
            self._told = now
            self._tell(self._text(now - self._began))

    def _text(self, passed: float) -> str:
        done = self._done_bytes + _EACH * self._done_files
        left = self._bytes + _EACH * self._files - done
        rate = filesizeformat(self._done_bytes / passed)
        return (
            f"{self._done_files:,} of {self._files:,} files, "
            f"{filesizeformat(self._done_bytes)} of {filesizeformat(self._bytes)}, {rate}/s, "
            f"{datetime.timedelta(seconds=round(passed * left / done))} left"
        )
