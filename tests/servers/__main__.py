"""`make test-servers`: the same operations and questions on each S3 server, and their table."""

from __future__ import annotations

import argparse
import datetime
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import django

from tests.servers import full_flow
from tools import garage, go_build, minio_server, moto_server, seaweedfs, versitygw
from tools.minio_server import Server, ServerUnavailable
from tools.processes import say
from tools.reference import write_part

SERVER_PAGES = Path(__file__).parents[2] / "docs" / "servers"
SERVERS: dict[str, full_flow.Run] = {
    "MinIO": minio_server.running,
    "VersityGW": versitygw.running,
    "SeaweedFS": seaweedfs.running,
    "Garage": garage.running,
    "moto": moto_server.running,
}
VERSIONS = {
    "MinIO": go_build.MINIO.version,
    "VersityGW": go_build.VERSITYGW.version,
    "SeaweedFS": seaweedfs.VERSION,
    "Garage": garage.VERSION,
    "moto": moto_server.VERSION,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full-flow", action="store_true", help="VersityGW's tests of S3 instead")
    if parser.parse_args().full_flow:
        return run_full_flow()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from django.test.utils import setup_databases, setup_test_environment

    setup_test_environment()
    setup_databases(0, interactive=False)
    results: dict[str, dict[str, str]] = {}
    for name, run in SERVERS.items():
        try:
            with run() as server:
                results[name] = {}
                for check, outcome in examine(server):
                    results[name][check] = outcome
                    say(f"{name}: {check}: {outcome}")
        except ServerUnavailable as error:
            say(f"{name} is left out: {error}")
    write_table(results)
    broken = [
        f"{name}: {check}"
        for name, outcomes in results.items()
        for check, outcome in outcomes.items()
        if outcome.startswith("LOST")
    ]
    for line in broken:
        say(line)
    return 1 if broken else 0


def run_full_flow() -> int:
    """Run VersityGW's own tests on each server, and write their page."""
    tester = versitygw.binary()
    with versitygw.running() as server:
        names = full_flow.list_tests(tester, server)
    results: dict[str, dict[str, str]] = {}
    for name, run in SERVERS.items():
        results[name] = {}
        try:
            for test, failure in full_flow.try_tests(tester, run, names):
                results[name][test] = failure
                say(f"{name}: {test}: {failure or 'passed'}")
        except ServerUnavailable as error:
            say(f"{name} is left out: {error}")
            del results[name]
    table = full_flow.make_table(results)
    write_part(SERVER_PAGES / "full-flow.md", "full-flow", f"{describe_run(results)}\n\n{table}")
    return 0


def describe_run(names: Iterable[str]) -> str:
    versions = ", ".join(f"{name} {VERSIONS[name]}" for name in names)
    today = datetime.datetime.now(datetime.UTC).date()
    return f"Made on {today}. Versions, if PATH has no other: {versions}."


def examine(server: Server) -> Iterator[tuple[str, str]]:
    """Yield what works on a server, and how it answers the questions of `minio_doctor`."""
    from django_minio_backend import MinioBackend
    from django_minio_backend.doctor.examination import examine as ask
    from django_minio_backend.errors import StorageError

    options = {
        **server.options,
        "MINIO_DEFAULT_BUCKET": "conformance",
    }
    storage = MinioBackend(**options)
    storage.s3.transport.send("PUT")  # moto's answer has no header of S3's
    yield from try_operations(options)
    for finding in ask(storage):
        if finding.name not in {"clock", "TLS"}:
            detail = re.sub(r" at http\S+|, \d+ ms", "", finding.detail)
            yield f"doctor: {finding.name}", f"{finding.verdict.value}: {detail}"
    try:
        storage.set_bucket_to_public()
    except StorageError as error:
        yield "public buckets", type(error).__name__
    else:
        yield "public buckets", "works"


def try_operations(options: dict[str, Any]) -> Iterator[tuple[str, str]]:
    from django.core.management import CommandError

    from django_minio_backend import MinioBackend
    from django_minio_backend.errors import StorageError
    from tests.faults.operations import NEIGHBOUR, OPERATIONS, PART, Ends

    for number, (name, operation) in enumerate(OPERATIONS.items()):
        own = {
            **options,
            "MINIO_LOCATION": f"case-{number}",
            "MINIO_MULTIPART_PART_SIZE": PART,
        }
        storage = MinioBackend(**own)
        ends = Ends(storage, storage, own)
        try:
            storage.save("neighbour.bin", NEIGHBOUR)
            operation.prepare(ends)
            operation.check(ends, operation.run(ends))
        except (StorageError, CommandError) as error:
            yield name, type(error).__name__
        except AssertionError as error:
            yield name, f"LOST: {error}"
        else:
            yield name, "works"


def write_table(results: dict[str, dict[str, str]]) -> None:
    checks = list(dict.fromkeys(check for outcomes in results.values() for check in outcomes))
    operations = [check for check in checks if not check.startswith("doctor: ")]
    questions = [check for check in checks if check.startswith("doctor: ")]
    lines = [f"{describe_run(results)}\n", "## Operations\n"]
    lines += make_lines("operation", operations, results)
    lines += ["\n## Answers\n", *make_lines("question", questions, results)]
    write_part(SERVER_PAGES / "conformance.md", "test-servers", "\n".join(lines))


def make_lines(kind: str, checks: list[str], results: dict[str, dict[str, str]]) -> list[str]:
    lines = [f"| {kind} | {' | '.join(results)} |", "|---" * (len(results) + 1) + "|"]
    for check in checks:
        cells = [
            outcomes.get(check, "not tried").removeprefix("ok: ") for outcomes in results.values()
        ]
        lines.append(f"| {check.removeprefix('doctor: ')} | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    sys.exit(main())
