from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.staticfiles.management.commands import collectstatic
from django.core.files.storage import Storage, storages
from django.core.management.base import CommandError, CommandParser

from django_minio_backend import collect
from django_minio_backend.collect import Source
from django_minio_backend.errors import ConfigurationError, StorageError
from django_minio_backend.staticfiles import MinioBackendStatic

WORKERS = 8
KEEP_DAYS = 30
# How many uploads are waiting for each that is under way.
_AHEAD = 4


class Command(collectstatic.Command):
    """Django's, and where the storage is ours one listing and several uploads at once."""

    help = "Collect static files in a single location; into a bucket several at once."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--workers", type=int, default=WORKERS, metavar="N", help="Upload N files at once."
        )
        parser.add_argument(
            "--no-parallel", action="store_true", help="Upload one file after another."
        )
        parser.add_argument(
            "--prune",
            action="store_true",
            help="Delete what no manifest names that was in use in the last days.",
        )
        parser.add_argument(
            "--keep-days", type=int, default=KEEP_DAYS, metavar="N", help="How many days those are."
        )

    def set_options(self, **options: Any) -> None:
        super().set_options(**options)
        self.workers = 1 if options["no_parallel"] else max(1, options["workers"])
        self.prune, self.keep_days = options["prune"], options["keep_days"]

    def collect(self) -> dict[str, list[str]]:
        ours = isinstance(self.storage, MinioBackendStatic)
        if self.prune and not hasattr(self.storage, "manifest_name"):
            raise CommandError("--prune needs a manifest: use MinioBackendStaticManifest.")
        if not ours:
            return super().collect()
        # What the command has is an object that becomes the storage when it is looked at.
        storage: Any = storages["staticfiles"]
        try:
            with collect.staged(storage) as self.storage:
                # Django finds and post-processes the files; nothing leaves this machine yet, so
                # that is done in a dry run too.
                dry_run, self.dry_run = self.dry_run, False
                report = super().collect()
                self.dry_run = dry_run
                return self._deploy(storage, self.storage, report)
        except (StorageError, ConfigurationError) as error:
            raise CommandError(str(error)) from error
        finally:
            self.storage = storage

    def clear_dir(self, path: str) -> None:
        """Leave it for later where it is ours: a deploy that dies leaves the previous one whole."""
        if not isinstance(self.storage, MinioBackendStatic):
            super().clear_dir(path)

    def copy_file(self, path: str, prefixed_path: str, source_storage: Storage) -> None:
        if isinstance(self.storage, MinioBackendStatic):
            self.storage.copy_of(prefixed_path, source_storage, path)  # type: ignore[attr-defined]
        else:
            super().copy_file(path, prefixed_path, source_storage)

    def _deploy(
        self, storage: Any, stage: Any, report: dict[str, list[str]]
    ) -> dict[str, list[str]]:
        manifest = getattr(storage, "manifest_name", "")
        found = collect.listed(storage)
        known = {} if self.clear else found
        sources = stage.sources(manifest)
        stored = self._store(storage, sources, known)
        if stage.exists(manifest) and not self.dry_run:
            collect.save_manifest(storage, stage, known.get(manifest))
            storage.hashed_files = stage.hashed_files
        wanted = {source.name for source in sources}
        wanted |= {manifest} if stage.exists(manifest) else set()
        deleted = self._delete(storage, self._doomed(storage, found, wanted))
        originals = list(stage.originals)
        return {
            **report,
            "modified": [name for name in originals if name in stored],
            "unmodified": [name for name in originals if name not in stored],
            **({"deleted": deleted} if "deleted" in report else {}),
        }

    def _store(self, storage: Any, sources: Sequence[Source], known: dict[str, Any]) -> set[str]:
        """Store what differs, several at once; the first failure ends it."""
        stored: set[str] = set()
        jobs: dict[Future[bool], str] = {}
        with ThreadPoolExecutor(self.workers, thread_name_prefix="collectstatic") as threads:
            try:
                for done, source in enumerate(sources, 1):
                    # Comparing is reading and hashing: threads would only wait for each other.
                    if differing := collect.difference(storage, source, known.get(source.name)):
                        job = threads.submit(differing.store, storage, dry_run=self.dry_run)
                        jobs[job] = source.name
                    else:
                        self._tell(source.name, stored=False)
                    self._progress(done - len(jobs), len(sources))
                    if len(jobs) > _AHEAD * self.workers:
                        self._land(jobs, stored)
                while jobs:
                    self._land(jobs, stored)
                    self._progress(len(sources) - len(jobs), len(sources))
            except BaseException:
                threads.shutdown(cancel_futures=True)
                raise
        return stored

    def _land(self, jobs: dict[Future[bool], str], stored: set[str]) -> None:
        for job in wait(jobs, return_when=FIRST_COMPLETED).done:
            name = jobs.pop(job)
            self._tell(name, stored=job.result())
            if job.result():
                stored.add(name)

    def _tell(self, name: str, *, stored: bool) -> None:
        verb = "Pretending to copy" if self.dry_run else "Copying"
        self.log(f"{verb} '{name}'" if stored else f"Skipping '{name}' (not modified)", level=2)

    def _doomed(self, storage: Any, found: dict[str, Any], wanted: set[str]) -> list[str]:
        if self.clear:
            return sorted(set(found) - wanted)
        if not self.prune or (self.dry_run and storage.manifest_name not in found):
            return []
        since = datetime.now(UTC) - timedelta(days=self.keep_days)
        kept = collect.referenced(storage, found, since) | wanted
        return sorted(
            name for name, entry in found.items() if name not in kept and entry.modified < since
        )

    def _delete(self, storage: Any, doomed: list[str]) -> list[str]:
        verb = "Pretending to delete" if self.dry_run else "Deleting"
        for name in doomed:
            self.log(f"{verb} '{name}'", level=1 if self.prune else 2)
        if not self.dry_run and (failed := collect.delete(storage, doomed, self.workers)):
            raise CommandError(
                "Not deleted: " + "; ".join(f"{key} ({why})" for key, why in failed.items())
            )
        return doomed

    def _progress(self, done: int, total: int) -> None:
        if self.verbosity == 1 and self.stdout.isatty():
            width = 30 * done // total
            bar = f"\r[{'#' * width}{'.' * (30 - width)}] {done:,} of {total:,}"
            self.stdout.write(bar, ending="\r\x1b[K" if done == total else "")
            self.stdout.flush()
