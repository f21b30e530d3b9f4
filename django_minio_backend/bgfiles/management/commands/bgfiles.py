from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_minio_backend.bgfiles import cleaning, leases, queue
from django_minio_backend.bgfiles.models import FileRequest, State
from django_minio_backend.bgfiles.patterns import registry


class Command(BaseCommand):
    help = "Make the files that were asked for, or remove those that have expired."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", metavar="{process,clean}", required=True)
        process = actions.add_parser("process", help="Make the files that are due.")
        clean = actions.add_parser("clean", help="Remove the requests and files that expired.")
        for action in (process, clean):
            action.add_argument(
                "--timeout", type=float, metavar="SECONDS", help="Begin nothing after these."
            )
            action.add_argument(
                "--sleep", type=float, default=0, metavar="SECONDS", help="Between two requests."
            )
            action.add_argument("--items", type=int, metavar="N", help="So many at most.")
        clean.add_argument(
            "--leeway",
            type=float,
            default=3600,
            metavar="SECONDS",
            help="Leave alone what expired less than these ago (default: an hour), as it may be "
            "being downloaded.",
        )
        clean.add_argument("--dry-run", action="store_true", help="List them, remove nothing.")

    def handle(self, *, action: str, **options: Any) -> None:
        self.verbosity: int = options["verbosity"]
        if action == "process":
            self._process(options["items"], options["timeout"], options["sleep"])
        else:
            self._clean(**options)

    def _process(self, items: int | None, timeout: float | None, sleep: float) -> None:
        self._tell_unregistered()
        done = failed = 0
        for request in queue.work(items=items, timeout=timeout, sleep=sleep):
            done += request.state == State.DONE
            failed += request.state == State.FAILED
            self._say(f"{request}: {_outcome(request)}")
        self._say(f"{done:,} done, {failed:,} failed.")
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
        leeway: float,
        dry_run: bool,
        **options: Any,
    ) -> None:
        found = cleaning.expired(timedelta(seconds=leeway))[:items]
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
                self.stderr.write(f"{one.request}: row and file are left, {why}")
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


def _outcome(request: FileRequest) -> str:
    if request.state == State.DONE:
        return f"done, {request.size:,} bytes" if request.size is not None else "done"
    if request.state == State.FAILED:
        return f"failed, {request.last_error}"
    return f"failed, to be tried again after {request.run_after:%H:%M:%S}; {request.last_error}"
