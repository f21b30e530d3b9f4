from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_minio_backend.bgfiles import cleaning, leases, queue
from django_minio_backend.bgfiles.models import FileRequest, State
from django_minio_backend.bgfiles.patterns import registry

_LEEWAY = timedelta(hours=1)


class Command(BaseCommand):
    help = "Make the files that were asked for, or remove those that have expired."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "action",
            choices=["process", "clean"],
            help="process makes the files that are due, clean removes requests that expired.",
        )
        parser.add_argument(
            "--timeout", type=_seconds, metavar="SECONDS", help="Begin nothing after these."
        )
        parser.add_argument(
            "--sleep",
            type=_seconds,
            default=0,
            metavar="SECONDS",
            help="Between two requests.",
        )
        parser.add_argument("--items", type=_count, metavar="N", help="So many requests at most.")
        parser.add_argument(
            "--leeway",
            type=_seconds,
            metavar="SECONDS",
            help="clean: leave alone what expired less than these ago (default: an hour), as it "
            "may be being downloaded.",
        )
        parser.add_argument("--dry-run", action="store_true", help="clean: only list them.")

    def handle(self, *, action: str, **options: Any) -> None:
        self.verbosity: int = options["verbosity"]
        if action == "clean":
            self._clean(**options)
            return
        if options["dry_run"] or options["leeway"] is not None:
            raise CommandError("--dry-run and --leeway are for `clean`.")
        self._process(options["items"], options["timeout"], options["sleep"])

    def _process(self, items: int | None, timeout: float | None, sleep: float) -> None:
        self._tell_unregistered()
        done = failed = again = 0
        for request in queue.work(items=items, timeout=timeout, sleep=sleep):
            done += request.state == State.DONE
            failed += request.state == State.FAILED
            again += request.state == State.QUEUED
            self._say(f"{request}: {_outcome(request)}")
        told = f", {again:,} to be tried again" if again else ""
        self._say(f"{done:,} done, {failed:,} failed{told}.")
        if failed:
            raise CommandError(f"{failed:,} failed for good; the admin shows why.")

    def _tell_unregistered(self) -> None:
        waiting = FileRequest.objects.to_handle().exclude(file_type__in=registry.handlers)
        for file_type in sorted(set(waiting.order_by().values_list("file_type", flat=True))):
            self.stderr.write(f"Nobody is registered for the type {file_type!r}: left alone.")

    def _clean(
        self,
        *,
        items: int | None,
        timeout: float | None,
        sleep: float,
        leeway: float | None,
        dry_run: bool,
        **options: Any,
    ) -> None:
        found = cleaning.expired(_LEEWAY if leeway is None else timedelta(seconds=leeway))[:items]
        total = found.count()
        if dry_run:
            for request in found.iterator(chunk_size=500):
                self._say(f"{request}: expired {request.expires_at:%Y-%m-%d %H:%M}")
            self._say(f"{total:,} would be removed.")
            return
        removed = failed = 0
        for number, one in enumerate(cleaning.remove(found, timeout=timeout, sleep=sleep), 1):
            if one.error is None:
                removed += 1
            else:
                failed += 1
                why = leases.described(one.error)
                self.stderr.write(f"{one.request}: not removed, {why}")
            self._show_progress(number, total)
        self._say(f"{removed:,} of {total:,} removed.")
        if failed:
            raise CommandError(f"{failed:,} could not be removed.")

    def _say(self, line: str) -> None:
        if self.verbosity:
            self.stdout.write(line)

    def _show_progress(self, number: int, total: int) -> None:
        if self.verbosity and self.stderr.isatty():
            end = "\n" if number == total else ""
            self.stderr.write(f"\r{number:,} of {total:,}", ending=end)
            self.stderr.flush()


def _seconds(text: str) -> float:
    if not (number := float(text)) >= 0:
        raise ValueError
    return number


def _count(text: str) -> int:
    return int(_seconds(text))


def _outcome(request: FileRequest) -> str:
    if request.state == State.DONE:
        return f"done, {request.size:,} bytes" if request.size is not None else "done"
    if request.state == State.FAILED:
        return f"failed, {request.last_error}"
    if request.state == State.RUNNING:
        return "lost to another worker"
    return f"failed, to be tried again after {request.run_after:%H:%M:%S}; {request.last_error}"
