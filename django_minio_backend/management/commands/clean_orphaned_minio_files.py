from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError
from django.template.defaultfilters import filesizeformat

from django_minio_backend.errors import StorageError
from django_minio_backend.management.base import (
    StorageCommand,
    make_number_parser,
    make_whole_number_parser,
    parse_shard_argument,
)
from django_minio_backend.management.progress import ProgressLine, confirm
from django_minio_backend.references import derived, missing, orphans, unfinished
from django_minio_backend.references.fields import list_references
from django_minio_backend.references.orphans import Orphan, Scope, Search
from django_minio_backend.references.unfinished import StaleUpload, UploadSearch
from django_minio_backend.shards import ALL, Shard


class Command(StorageCommand):
    help = (
        "Delete the objects that no FileField refers to and abort unfinished uploads, or list the "
        "references to missing objects."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="List the orphans and unfinished uploads, and delete nothing.",
        )
        parser.add_argument(
            "--noinput", "--no-input", action="store_false", dest="interactive", help="Do not ask."
        )
        parser.add_argument(
            "--whole-bucket",
            action="store_true",
            help="Search each whole bucket, not only the folders that FileFields store into.",
        )
        parser.add_argument("--bucket", default="", metavar="NAME", help="Search this bucket only.")
        parser.add_argument(
            "--older-than",
            type=make_number_parser(),
            default=24,
            metavar="HOURS",
            help="Keep younger objects and uploads: their rows may not be saved yet (default: 24).",
        )
        parser.add_argument(
            "--exclude",
            action="append",
            default=[],
            metavar="GLOB",
            help="Keep objects with such a key. May be given several times.",
        )
        parser.add_argument(
            "--max-delete",
            type=make_whole_number_parser(),
            metavar="N",
            help="Delete nothing if there are more orphans.",
        )
        parser.add_argument(
            "--max-percent",
            type=make_number_parser(most=100),
            metavar="P",
            help="Delete nothing if more than P percent of the objects are orphans.",
        )
        parser.add_argument(
            "--shard",
            type=parse_shard_argument,
            default=ALL,
            metavar="I/N",
            help="Search share I of N: so many workers can share the work.",
        )
        parser.add_argument("--json", action="store_true", help="Print what was found as JSON.")
        parser.add_argument(
            "--check-missing",
            action="store_true",
            help="List the references to missing objects instead. Deletes nothing.",
        )
        parser.add_argument(
            "--format",
            choices=["text", "csv", "json"],
            default="text",
            help="Print the references to missing objects in this form.",
        )
        parser.add_argument(
            "--fail-on-missing",
            action="store_true",
            help="Exit with code 1 if objects are missing.",
        )

    def handle(
        self,
        *,
        bucket: str = "",
        check_missing: bool = False,
        whole_bucket: bool = False,
        **options: Any,
    ) -> None:
        # All fields count as references, also if the search is limited.
        among = orphans.make_scopes(list_references(), bucket, whole=check_missing or whole_bucket)
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
        shard: Shard,
        json: bool,
        max_delete: int | None,
        max_percent: float | None,
        verbosity: int,
        **options: Any,
    ) -> None:
        line = ProgressLine(self.stderr, is_wanted=verbosity > 0)
        age = timedelta(hours=older_than)
        result = orphans.search_orphans(
            among,
            older_than=age,
            exclude=exclude,
            shard=shard,
            tell=lambda count: line.show(f"{count:,} objects"),
        )
        uploads = unfinished.search_uploads(among, older_than=age, exclude=exclude, shard=shard)
        line.clear()
        if json:
            self.stdout.write(_encode_json(among, result, uploads, dry_run))
        elif verbosity:
            self._report(among, result, dry_run=dry_run, verbosity=verbosity)
            self._report_uploads(uploads, dry_run=dry_run, verbosity=verbosity)
        if verbosity:
            for bucket, error in uploads.refused.items():
                self.stderr.write(f"{bucket}: its unfinished uploads are not known: {error}")
        if dry_run:
            return
        self._keep_unresolved(result, exclude)
        _check_limits(result, max_delete, max_percent)
        if not (result.orphans or uploads.stale):
            return
        if interactive:
            # Versions 3 and 4 ran from cron without an option.
            confirm(_make_question(result, uploads), unattended=True)
        deleted = self._delete(result.orphans)
        aborted = self._abort(uploads.stale, age)
        if verbosity and not json:
            if result.orphans:
                self.stdout.write(f"{deleted:,} deleted.")
            if uploads.stale:
                self.stdout.write(f"{aborted:,} unfinished uploads aborted.")

    def _keep_unresolved(self, result: Search, exclude: Sequence[str]) -> None:
        """Keep the orphans that may be files of apps that we cannot read."""
        packages = derived.list_unresolved()
        if exclude or not packages:
            return
        unknown = [orphan for orphan in result.orphans if not orphan.scope.has_hook]
        if unknown:
            self.stderr.write(
                f"Nothing is deleted in {_join(orphan.scope.name for orphan in unknown)}: "
                f"{_join(packages)} may keep files there that no FileField names. Say which "
                "they are with --exclude or MINIO_REFERENCES."
            )
            result.orphans = [orphan for orphan in result.orphans if orphan.scope.has_hook]

    def _delete(self, to_delete: Sequence[Orphan]) -> int:
        deleted = 0
        failed: dict[str, str] = {}
        try:
            for count, refused in orphans.delete_orphans(to_delete):
                deleted += count
                failed |= refused
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

    def _abort(self, stale: Sequence[StaleUpload], age: timedelta) -> int:
        aborted = failed = 0
        for item, reason in unfinished.abort_uploads(stale, age):
            if reason:
                failed += 1
                self.stderr.write(f"{item.name}: {reason}")
            else:
                aborted += 1
        if failed:
            raise CommandError(
                f"{failed:,} unfinished uploads could not be aborted, {aborted:,} were."
            )
        return aborted

    def _report_uploads(self, uploads: UploadSearch, *, dry_run: bool, verbosity: int) -> None:
        if dry_run or verbosity > 1:
            for item in uploads.stale:
                self.stdout.write(
                    f"{item.name}: an upload unfinished since {item.upload.initiated}"
                )
        if uploads.stale:
            self.stdout.write(f"{len(uploads.stale):,} unfinished uploads.")
        if uploads.young:
            self.stdout.write(f"{uploads.young:,} uploads may still be running: left alone.")

    def _report(
        self, among: Sequence[Scope], result: Search, *, dry_run: bool, verbosity: int
    ) -> None:
        if dry_run or verbosity > 1:
            for orphan in result.orphans:
                self.stdout.write(f"{orphan.scope.name}/{orphan.key}")
        places = ", ".join(map(_name_scope, among)) or "no bucket: no FileField is ours"
        self.stdout.write(
            f"{result.objects:,} objects in {places}; {len(result.orphans):,} orphans, "
            f"{filesizeformat(result.size)} ({result.percent:.1f} %)."
        )
        if any(not scope.is_whole for scope in among):
            self.stdout.write(
                "Looked only where FileFields store into; --whole-bucket looks at the rest of a "
                "storage's location too."
            )
        if result.foreign:
            self.stdout.write(
                f"{result.foreign:,} are in the location of another storage, which alone knows "
                "whether it needs them: left alone."
            )
        if result.young:
            self.stdout.write(f"{result.young:,} more are younger than --older-than: left alone.")

    def _report_missing(
        self,
        among: Sequence[Scope],
        *,
        format: str,
        fail_on_missing: bool,
        shard: Shard,
        verbosity: int,
        **options: Any,
    ) -> None:
        count = 0
        lines: list[dict[str, str]] = []
        rows = csv.writer(self.stdout, lineterminator="\n")
        if format == "csv":
            rows.writerow(["model", "field", "pk", "name", "bucket"])
        for reference, pk, name in missing.find_missing_objects(among):
            if not shard.holds(name):
                continue
            count += 1
            model, field, bucket = (
                reference.model._meta.label,
                reference.field.name,
                reference.storage.bucket,
            )
            if format == "csv":
                rows.writerow([model, field, pk, name, bucket])
            elif format == "json":
                line = {"model": model, "field": field, "pk": str(pk), "name": name}
                lines.append({**line, "bucket": bucket})
            else:
                self.stdout.write(f"{model} {pk}: {field} {name}, not in {bucket}")
        counted = (
            "1 reference to a missing object."
            if count == 1
            else (f"{count:,} references to missing objects.")
        )
        if format == "json":
            self.stdout.write(json.dumps(lines))
        if format == "text" and verbosity:
            self.stdout.write(counted)
        if count and fail_on_missing:
            raise CommandError(counted)


def _join(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))


def _name_scope(scope: Scope) -> str:
    return scope.name if scope.is_whole else f"{scope.name} below {_join(scope.prefixes)}"


def _check_limits(result: Search, max_delete: int | None, max_percent: float | None) -> None:
    count = len(result.orphans)
    if max_delete is not None and count > max_delete:
        raise CommandError(f"{count:,} orphans are more than --max-delete {max_delete:,}: stopped.")
    if max_percent is not None and result.percent > max_percent:
        raise CommandError(
            f"{result.percent:.1f} % of the objects are more than --max-percent {max_percent:g}: "
            "stopped."
        )


def _make_question(result: Search, uploads: UploadSearch) -> str:
    if not uploads.stale:
        return f"Delete {len(result.orphans):,} objects?"
    return (
        f"Delete {len(result.orphans):,} objects, and the parts of {len(uploads.stale):,} "
        "unfinished uploads?"
    )


def _encode_json(
    among: Sequence[Scope], result: Search, uploads: UploadSearch, dry_run: bool
) -> str:
    return json.dumps(
        {
            "buckets": [scope.name for scope in among],
            "objects": result.objects,
            "orphans": [
                {"bucket": orphan.scope.name, "key": orphan.key, "size": orphan.size}
                for orphan in result.orphans
            ],
            "bytes": result.size,
            "young": result.young,
            "foreign": result.foreign,
            "unfinished_uploads": [
                {
                    "bucket": item.scope.name,
                    "key": item.upload.key,
                    "id": item.upload.id,
                    "initiated": item.upload.initiated,
                }
                for item in uploads.stale
            ],
            "running_uploads": uploads.young,
            "uploads_not_listed": sorted(uploads.refused),
            "unresolved": derived.list_unresolved(),
            "dry_run": dry_run,
        }
    )
