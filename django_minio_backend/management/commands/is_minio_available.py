from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_minio_backend.management.base import StorageCommand
from django_minio_backend.s3 import health


class Command(StorageCommand):
    help = "Check that each storage's server is there and takes its credentials."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--json", action="store_true", help="Print what was found as JSON.")

    def handle(
        self,
        *,
        storage: str | None = None,
        json: bool = False,
        verbosity: int = 1,
        **options: Any,
    ) -> None:
        statuses = health.check_all(
            {alias: storage.s3 for alias, storage in self.find_storages(storage).items()}
        )
        if json:
            self.stdout.write(_encode_json(statuses))
        elif verbosity:
            for alias, status in statuses.items():
                if status:
                    self.stdout.write(f"{alias}: {status.details} {_describe_measurement(status)}")
        down = [f"{alias}: {status.details}" for alias, status in statuses.items() if not status]
        if down:
            raise CommandError("\n".join(down))


def _encode_json(statuses: dict[str, health.MinioServerStatus]) -> str:
    return json.dumps({alias: status.as_dict() for alias, status in statuses.items()}, indent=2)


def _describe_measurement(status: health.MinioServerStatus) -> str:
    return f"({status.server or 'server of no name'}, {status.latency:.0f} ms)"
