from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from django_minio_backend.management.base import StorageCommand
from django_minio_backend.storage import configured


class Command(StorageCommand):
    help = "Check that each storage's server is there and takes its credentials."

    def handle(self, *, verbosity: int = 1, **options: Any) -> None:
        down = []
        for alias, storage in configured():
            status = storage.is_minio_available()
            if not status:
                down.append(f"{alias}: {status.details}")
            elif verbosity:
                self.stdout.write(f"{alias}: {status.details}")
        if down:
            raise CommandError("\n".join(down))
