from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.staticfiles.management.commands import collectstatic
from django.core.files.storage import Storage, storages
from django.core.management.base import CommandError, CommandParser

from django_minio_backend.errors import ConfigurationError, StorageError
from django_minio_backend.management.base import FlushingCommand, make_whole_number_parser
from django_minio_backend.management.progress import ProgressLine
from django_minio_backend.references.neighbours import list_foreign_prefixes
from django_minio_backend.s3.responses import Entry
from django_minio_backend.staticfiles import history, staging, upload
from django_minio_backend.staticfiles.staging import LocalFile, Stage
from django_minio_backend.staticfiles.storages import MinioBackendStatic
from django_minio_backend.storage.backend import MinioBackend

WORKERS = 8
KEEP_DAYS = 30


class Command(FlushingCommand, collectstatic.Command):
    """Django's command. For our storage it makes one listing and several uploads at once."""

    help = "Collect static files in a single location; into a bucket several at once."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--workers",
            type=make_whole_number_parser(1),
            default=WORKERS,
            metavar="N",
            help="Upload N files at once.",
        )
        parser.add_argument(
            "--no-parallel", action="store_true", help="Upload one file after another."
        )
        parser.add_argument(
            "--prune",
            action="store_true",
            help="Delete old files that no manifest of the last days names.",
        )
        parser.add_argument(
            "--keep-days",
            type=make_whole_number_parser(),
            default=KEEP_DAYS,
            metavar="N",
            help="The number of days for --prune.",
        )

    def set_options(self, **options: Any) -> None:
        super().set_options(**options)
        self.workers = 1 if options["no_parallel"] else max(1, options["workers"])
        self.prune, self.keep_days = options["prune"], options["keep_days"]

    def collect(self) -> dict[str, list[str]]:
        # Django's command holds a lazy object for the storage.
        storage = storages["staticfiles"]
        if self.prune and not getattr(storage, "manifest_name", ""):
            raise CommandError("--prune needs a manifest: use MinioBackendStaticManifest.")
        if not isinstance(storage, MinioBackendStatic):
            return super().collect()
        try:
            with staging.stage_files(storage) as stage:
                self.storage = stage
                # Django finds and post-processes the files. Nothing leaves this machine yet, so a
                # dry run does it too.
                dry_run, self.dry_run = self.dry_run, False
                report = super().collect()
                self.dry_run = dry_run
                return self._deploy(storage, stage, report)
        except (StorageError, ConfigurationError) as error:
            raise CommandError(str(error)) from error
        finally:
            self.storage = storage

    def clear_dir(self, path: str) -> None:
        """Delete later: a deploy that dies must leave the previous one complete."""
        storage = storages["staticfiles"]
        if isinstance(storage, MinioBackend) and _is_shared(storage):
            self.stderr.write(_explain_shared(storage, "--clear deletes nothing"))
        elif not isinstance(self.storage, MinioBackendStatic):
            super().clear_dir(path)

    def copy_file(self, path: str, prefixed_path: str, source_storage: Storage) -> None:
        if isinstance(self.storage, Stage):
            self.storage.copy_of(prefixed_path, source_storage, path)
        else:
            super().copy_file(path, prefixed_path, source_storage)

    def _deploy(
        self, storage: MinioBackendStatic, stage: Stage, report: dict[str, list[str]]
    ) -> dict[str, list[str]]:
        manifest = storage.manifest_name
        if not self.dry_run:
            storage.prepare_bucket()
        if self.prune and _is_shared(storage):
            raise CommandError(_explain_shared(storage, "--prune would delete them"))
        entries = upload.list_entries(storage)
        compared = {} if self.clear else entries
        sources = stage.sources(manifest)
        stored = self._store(storage, sources, compared)
        if stage.exists(manifest) and not self.dry_run:
            upload.save_manifest(storage, stage, compared.get(manifest))
            storage.hashed_files = stage.hashed_files
        needed = {source.name for source in sources}
        needed |= {manifest} if stage.exists(manifest) else set()
        foreign = list_foreign_prefixes(storage)
        to_delete = [
            name
            for name in self._find_deletable(storage, entries, needed)
            if not (storage.options.prefix + name).startswith(foreign)
        ]
        deleted = self._delete(storage, to_delete)
        originals = list(stage.originals)
        return {
            **report,
            "modified": [name for name in originals if name in stored],
            "unmodified": [name for name in originals if name not in stored],
            **({"deleted": deleted} if "deleted" in report else {}),
        }

    def _store(
        self, storage: MinioBackendStatic, files: Sequence[LocalFile], entries: Mapping[str, Entry]
    ) -> set[str]:
        verb = "Pretending to copy" if self.dry_run else "Copying"
        line = ProgressLine(self.stdout, is_wanted=self.verbosity == 1)
        done = 0

        def report(name: str, is_stored: bool) -> None:
            nonlocal done
            done += 1
            text = f"{verb} '{name}'" if is_stored else f"Skipping '{name}' (not modified)"
            self.log(text, level=2)
            line.show(_draw_bar(done, len(files)))

        line.show(_draw_bar(0, len(files)))
        stored = upload.store_files(
            storage, files, entries, report, workers=self.workers, dry_run=self.dry_run
        )
        line.clear()
        return stored

    def _find_deletable(
        self, storage: MinioBackendStatic, entries: Mapping[str, Entry], needed: set[str]
    ) -> list[str]:
        if self.clear:
            return sorted(set(entries) - needed)
        if not self.prune or (self.dry_run and storage.manifest_name not in entries):
            return []
        return history.find_outdated_names(storage, entries, needed, self.keep_days)

    def _delete(self, storage: MinioBackendStatic, to_delete: list[str]) -> list[str]:
        verb = "Pretending to delete" if self.dry_run else "Deleting"
        for name in to_delete:
            self.log(f"{verb} '{name}'", level=1 if self.prune else 2)
        # Delete by listed keys: the key of a folder is no valid name.
        keys = [storage.options.prefix + name for name in to_delete]
        if not self.dry_run and (failed := storage.delete_keys(keys, self.workers)):
            raise CommandError(
                "Not deleted: " + "; ".join(f"{key} ({why})" for key, why in failed.items())
            )
        return to_delete


def _draw_bar(done: int, total: int) -> str:
    width = 30 * done // max(1, total)
    return f"[{'#' * width}{'.' * (30 - width)}] {done:,} of {total:,}"


def _is_shared(storage: MinioBackend) -> bool:
    """Return True if other storages keep files among these static files."""
    return storage.options.prefix in list_foreign_prefixes(storage)


def _explain_shared(storage: MinioBackend, consequence: str) -> str:
    return (
        f"The bucket '{storage.bucket}' holds files of other storages too: {consequence}. Give "
        "static files a bucket, or a MINIO_LOCATION, of their own."
    )
