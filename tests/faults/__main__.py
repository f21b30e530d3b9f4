"""`make faults`: every operation under every fault at each of its requests, and the table of it."""

from __future__ import annotations

import datetime
import os
import sys
from collections import Counter
from pathlib import Path

import django

from tools.reference import write_part

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "faults.md"


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from django.test.utils import setup_databases, setup_test_environment

    from django_minio_backend import MinioBackend
    from tests.faults.line import FAULTS
    from tests.faults.operations import OPERATIONS
    from tests.faults.run import open_bench
    from tools.minio_server import running
    from tools.processes import say

    setup_test_environment()
    setup_databases(0, interactive=False)
    outcomes: dict[str, tuple[Counter[str], Counter[str]]] = {}
    lost = []
    with running() as server:
        options = {
            **server.options,
            "MINIO_DEFAULT_BUCKET": "faults",
        }
        MinioBackend(**options).s3.bucket.create()
        with open_bench(server.endpoint, options) as bench:
            for fault in FAULTS:
                outcomes[fault] = Counter(), Counter()
                for name, operation in OPERATIONS.items():
                    for at in range(1, operation.requests + 1):
                        for always in (False, True):
                            where = f"{name}, {fault}, request {at}{', always' * always}"
                            try:
                                outcome = bench.try_one(name, fault, at, always=always)
                            except AssertionError as error:
                                lost.append(where)
                                say(f"LOST: {where}: {error}")
                            else:
                                outcomes[fault][always][outcome] += 1
                say(f"{fault}: {describe(outcomes[fault][0])}; {describe(outcomes[fault][1])}")
    write_table(outcomes)
    return 1 if lost else 0


def write_table(outcomes: dict[str, tuple[Counter[str], Counter[str]]]) -> None:
    total = sum(sum(counts.values()) for pair in outcomes.values() for counts in pair)
    lines = [
        f"{total:,} trials on {datetime.date.today()}.\n",
        "| fault | once | from then on |",
        "|---|---|---|",
    ]
    for fault, pair in outcomes.items():
        lines.append(f"| {fault} | {' | '.join(map(describe, pair))} |")
    write_part(PAGE, "faults", "\n".join(lines))


def describe(counts: Counter[str]) -> str:
    """Return the outcomes with their numbers, "done" first."""
    ordered = sorted(counts.items(), key=lambda pair: (pair[0] != "done", -pair[1]))
    return ", ".join(f"{name if name == 'done' else f'`{name}`'} {n}" for name, n in ordered)


if __name__ == "__main__":
    sys.exit(main())
