from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.color import Style

from django_minio_backend.doctor.examination import examine
from django_minio_backend.doctor.findings import Finding, Verdict
from django_minio_backend.management.base import StorageCommand, format_table
from django_minio_backend.management.progress import ProgressLine
from django_minio_backend.storage.backend import MinioBackend


class Command(StorageCommand):
    help = "Examine each storage's own server: its abilities, and advice."

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
        line = ProgressLine(self.stderr, is_wanted=verbosity > 0 and not json)
        found: dict[str, list[Finding]] = {}
        for alias, examined in self.find_storages(storage).items():
            found[alias] = []
            for finding in examine(examined):
                found[alias].append(finding)
                line.show(f"{alias}: {finding.name}")
            line.clear()
            if verbosity and not json:
                self._report(alias, examined, found[alias])
        if json:
            self.stdout.write(_encode_json(found))
        failed = [
            f"{alias}: {finding.name}: {finding.detail}"
            for alias, findings in found.items()
            for finding in findings
            if finding.verdict is Verdict.FAILURE
        ]
        if failed:
            raise CommandError("\n".join(failed))

    def _report(self, alias: str, storage: MinioBackend, findings: Sequence[Finding]) -> None:
        kind = "public" if storage.options.is_public else "private"
        at = storage.options.endpoint.url
        self.stdout.write(f"{alias}: {kind} bucket '{storage.bucket}' at {at}\n\n")
        rows = [(one.name, one.verdict.value, one.detail) for one in findings]
        self.stdout.write(_colour(format_table(("CHECK", "RESULT", "FOUND"), rows), self.style))
        advice = [f"- {one.name}: {one.advice}" for one in findings if one.advice]
        if advice:
            self.stdout.write("\n" + "\n".join(advice))
        self.stdout.write("")


def _colour(table: str, style: Style) -> str:
    colours = {
        Verdict.FAILURE: style.ERROR,
        Verdict.WARNING: style.WARNING,
        Verdict.UNKNOWN: style.WARNING,
    }
    lines = []
    for line in table.splitlines():
        verdict = next((v for v in colours if f"  {v.value}  " in line), None)
        lines.append(colours[verdict](line) if verdict else line)
    return "\n".join(lines)


def _encode_json(found: dict[str, list[Finding]]) -> str:
    return json.dumps(
        {alias: [finding.as_dict() for finding in findings] for alias, findings in found.items()},
        indent=2,
    )
