from __future__ import annotations

from argparse import ArgumentTypeError
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_minio_backend.bgfiles import cleaning
from django_minio_backend.bgfiles.leases import describe
from django_minio_backend.bgfiles.models import FileRequest, State
from django_minio_backend.bgfiles.patterns import registry
from django_minio_backend.bgfiles.worker import work

_LEEWAY = timedelta(hours=1)


class Command(BaseCommand):
    help = "Make the files of requests, or remove expired requests."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "action",
            choices=["process", "clean"],
            help="process: make the files that are due. clean: remove requests that have expired.",
        )
        parser.add_argument(
            "--timeout",
            type=_parse_seconds,
            metavar="SECONDS",
            help="Start no request after so many seconds.",
        )
        parser.add_argument(
            "--sleep",
            type=_parse_seconds,
            default=0,
            metavar="SECONDS",
            help="The pause between two requests.",
        )
        parser.add_argument(
            "--items", type=_parse_count, metavar="N", help="Stop after N requests."
        )
        parser.add_argument(
            "--leeway",
            type=_parse_seconds,
            metavar="SECONDS",
            help="clean: keep requests that expired less than so many seconds ago (default: an "
            "hour). Somebody may still download the file.",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="clean: list the expired requests and remove nothing.",
        )

    def handle(self, *, action: str, **options: Any) -> None:
        self.verbosity: int = options["verbosity"]
        if action == "clean":
            self._clean(**options)
            return
        if options["dry_run"] or options["leeway"] is not None:
            raise CommandError("--dry-run and --leeway are for `clean`.")
        self._process(options["items"], options["timeout"], options["sleep"])

    def _process(self, items: int | None, timeout: float | None, sleep: float) -> None:
        self._warn_of_unregistered()
        done = failed = queued = 0
        for request in work(items=items, timeout=timeout, sleep=sleep):
            done += request.state == State.DONE
            failed += request.state == State.FAILED
            queued += request.state == State.QUEUED
            self._write(f"{request}: {_describe_outcome(request)}")
        retried = f", {queued:,} to be tried again" if queued else ""
        self._write(f"{done:,} done, {failed:,} failed{retried}.")
        if failed:
            raise CommandError(f"{failed:,} failed for good; the admin shows why.")

    def _warn_of_unregistered(self) -> None:
        waiting = FileRequest.objects.to_handle().exclude(file_type__in=registry.handlers)
        for file_type in sorted(set(waiting.order_by().values_list("file_type", flat=True))):
            self.stderr.write(
                f"No handler is registered for the type {file_type!r}: its requests wait."
            )

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
        leeway_time = _LEEWAY if leeway is None else timedelta(seconds=leeway)
        expired = cleaning.find_expired(leeway_time)[:items]
        total = expired.count()
        if dry_run:
            for request in expired.iterator(chunk_size=500):
                self._write(f"{request}: expired {request.expires_at:%Y-%m-%d %H:%M}")
            self._write(f"{total:,} would be removed.")
            return
        removed = failed = 0
        removals = cleaning.remove_requests(expired, timeout=timeout, sleep=sleep)
        for number, removal in enumerate(removals, 1):
            if removal.error is None:
                removed += 1
            else:
                failed += 1
                reason = describe(removal.error)
                self.stderr.write(f"{removal.request}: not removed, {reason}")
            self._show_progress(number, total)
        self._write(f"{removed:,} of {total:,} removed.")
        if failed:
            raise CommandError(f"{failed:,} could not be removed.")

    def _write(self, line: str) -> None:
        if self.verbosity:
            self.stdout.write(line)
            self.stdout.flush()  # for a pipe, `docker logs` or a journal

    def _show_progress(self, number: int, total: int) -> None:
        if self.verbosity and self.stderr.isatty():
            end = "\n" if number == total else ""
            self.stderr.write(f"\r{number:,} of {total:,}", ending=end)
            self.stderr.flush()


def _parse_seconds(text: str) -> float:
    with suppress(ValueError):
        if (number := float(text)) >= 0:
            return number
    raise ArgumentTypeError(f"must be a number of seconds, 0 or more, not {text!r}")


def _parse_count(text: str) -> int:
    if text.isdecimal():
        return int(text)
    raise ArgumentTypeError(f"must be a whole number, 0 or more, not {text!r}")


def _describe_outcome(request: FileRequest) -> str:
    if request.state == State.DONE:
        return f"done, {request.size:,} bytes" if request.size is not None else "done"
    if request.state == State.FAILED:
        return f"failed, {request.last_error}"
    if request.state == State.RUNNING:
        return "lost to another worker"
    return f"failed, to be tried again after {request.run_after:%H:%M:%S}; {request.last_error}"
