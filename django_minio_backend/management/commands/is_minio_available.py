from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_minio_backend import health
from django_minio_backend.management.base import StorageCommand


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
        found = health.check_all(self.by_alias(storage))
        if json:
            self.stdout.write(_as_json(found))
        elif verbosity:
            for alias, status in found.items():
                if status:
                    self.stdout.write(f"{alias}: {status.details} {_measured(status)}")
        down = [f"{alias}: {status.details}" for alias, status in found.items() if not status]
        if down:
            raise CommandError("\n".join(down))


def _as_json(found: dict[str, health.MinioServerStatus]) -> str:
    return json.dumps({alias: status.as_dict() for alias, status in found.items()}, indent=2)


def _measured(status: health.MinioServerStatus) -> str:
    return f"({status.server or 'server of no name'}, {status.latency:.0f} ms)"
