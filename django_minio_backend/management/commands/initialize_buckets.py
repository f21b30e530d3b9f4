from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from django_minio_backend import buckets
from django_minio_backend.management.base import StorageCommand
from django_minio_backend.storage import configured


class Command(StorageCommand):
    help = "Create the buckets that STORAGES declares and give them their policies."

    def handle(self, *, verbosity: int = 1, **options: Any) -> None:
        failed = 0
        for alias, storage in configured():
            for outcome in buckets.initialize(storage.s3, storage.options):
                if outcome.error:
                    failed += 1
                    self.stderr.write(f"{alias}: {outcome}")
                elif verbosity:
                    self.stdout.write(f"{alias}: {outcome}")
        if failed:
            raise CommandError(f"{failed} bucket(s) could not be initialised.")
