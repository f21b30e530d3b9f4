"""`python -m benchmarks [--quick]`: measure, print the tables, and write them and the plot."""

from __future__ import annotations

import argparse
import io
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from minio import Minio
from minio.deleteobjects import DeleteObject

from benchmarks import report
from benchmarks.contenders import REQUIREMENTS, Contender, environment, running
from benchmarks.report import MIB, Found, Workload
from tools.minio_server import Server
from tools.minio_server import running as running_server
from tools.processes import say

START_CALL = "exists + size + mtime"  # who has files at all
START = "process start to first answer"
RESULTS = Path(__file__).parent / "results"


def workloads(quick: bool) -> list[Workload]:
    small = 60 if quick else 200
    links = 2_000 if quick else 10_000
    large = (64 if quick else 512) * MIB
    speed: dict[str, Any] = {"unit": " MiB/s", "units": large / MIB, "memory": True}
    return [
        Workload("save 4 KiB, new names", small),
        Workload("save 4 KiB over an existing one", small),
        Workload("open + read 4 KiB", small),
        Workload("exists + size + mtime", small),
        Workload("delete", small),
        Workload("8 threads, save + open", small),
        Workload("url(), private", links),
        Workload("url(), private, cached", links // 10),
        Workload("url(), public", links),
        Workload("listdir, many files", 1),
        Workload("listdir, many folders", 1),
        Workload("listdir of the root", 1),
        Workload("open large, read 4 KiB, close", 3, memory=True),
        Workload("save large", 1, **speed),
        Workload("read large", 1, **speed),
        *(
            Workload(f"{known_as}, {state}", 1, cold=state == "cold", known_as=known_as)
            for known_as in ("collectstatic",) + (("collectstatic, manifest",) * (not quick))
            for state in ("cold", "unchanged")
        ),
    ]


def client_for(server: Server) -> Minio:
    return Minio(
        endpoint=server.endpoint,
        access_key=server.access_key,
        secret_key=server.secret_key,
        secure=server.secure,
    )


@contextmanager
def world(server: Server, quick: bool) -> Iterator[dict[str, str]]:
    """Fill buckets for the workloads. Yield the environment variables that name them."""
    names = {"BENCH_BUCKET": "bench-media", "BENCH_LISTING": "bench-listing"}
    client = client_for(server)
    for bucket in names.values():
        if not client.bucket_exists(bucket_name=bucket):
            client.make_bucket(bucket_name=bucket)
    files, each = (500, 10) if quick else (5_000, 100)
    keys = [f"flat/{number:05}.bin" for number in range(files)]
    keys += [f"deep/{number // each:03}/{number % each:03}.bin" for number in range(150 * each)]

    def put(key: str) -> None:
        client.put_object(bucket_name="bench-listing", object_name=key, data=io.BytesIO(), length=0)

    say(f"storing {len(keys):,} objects to list")
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(put, keys))
    with tempfile.NamedTemporaryFile() as large:
        for _ in range(64 if quick else 512):
            large.write(os.urandom(MIB))
        large.flush()
        for key, path in (("large.bin", large.name), ("small.bin", __file__)):
            client.fput_object(bucket_name="bench-media", object_name=key, file_path=path)
        with tempfile.TemporaryDirectory() as static:
            for number in range(1_000):
                Path(static, f"{number:04}.css").write_text(f".a{number} {{ color: red }}\n" * 40)
            yield {**names, "BENCH_LARGE": large.name, "BENCH_STATICFILES": static}


def empty(client: Minio, bucket: str) -> None:
    """Leave a bucket with nothing in it."""
    if not client.bucket_exists(bucket_name=bucket):
        client.make_bucket(bucket_name=bucket)
    found = client.list_objects(bucket_name=bucket, recursive=True)
    doomed = [DeleteObject(entry.object_name or "") for entry in found]
    for error in client.remove_objects(bucket_name=bucket, delete_object_list=doomed):
        raise RuntimeError(f"{bucket} cannot be emptied: {error}")


def measure(contenders: Sequence[Contender], client: Minio, quick: bool, named: str) -> list[Found]:
    found = []
    rounds = 2 if quick else 5
    for workload in workloads(quick):
        if named not in workload.name:
            continue
        known_as = workload.known_as or workload.name
        able = [one for one in contenders if known_as in one.workloads]
        say(workload.name, passing=True)
        results = Found(workload)
        for turn in range(rounds):
            # Each is first, and last, as often as the others.
            for contender in able[turn % len(able) :] + able[: turn % len(able)]:
                prepare = f"(prepare {known_as})"
                if turn == 0 and not workload.cold:  # warm
                    if prepare in contender.workloads:
                        contender.measure(prepare, 3)
                    contender.measure(known_as, min(workload.count, 3))
                if prepare in contender.workloads:
                    contender.measure(prepare, workload.count)
                if workload.cold:
                    empty(client, contender.static_bucket)
                results.add(contender.name, **contender.measure(known_as, workload.count))
        found.append(results)
    if named in START:
        found.append(_starts(contenders, rounds))
    return found


def _starts(contenders: Sequence[Contender], rounds: int) -> Found:
    results = Found(Workload(START, 1))
    for turn in range(rounds + 1):
        for contender in (one for one in contenders if START_CALL in one.workloads):
            seconds = contender.start()
            if turn:  # the first one wrote bytecode
                results.add(contender.name, seconds, requests=1, peak=0, cpu=0)
    results.requests.clear()
    results.cpu.clear()
    return results


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer, smaller, written nowhere")
    parser.add_argument("--only", nargs="+", default=list(REQUIREMENTS), choices=[*REQUIREMENTS])
    parser.add_argument("--workload", default="", help="those whose name holds this; not written")
    arguments = parser.parse_args()
    pythons = {name: environment(name) for name in arguments.only}
    with ExitStack() as stack:
        server = stack.enter_context(running_server())
        what = stack.enter_context(world(server, arguments.quick))
        contenders = [
            stack.enter_context(running(name, python, server, what))
            for name, python in pythons.items()
        ]
        found = measure(contenders, client_for(server), arguments.quick, arguments.workload)
    text = report.table(found)
    print(text)
    if not arguments.quick and not arguments.workload:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "README.md").write_text(f"# Results of `make bench`\n\n{text}\n![](plot.svg)\n")
        report.plot(found, RESULTS / "plot.svg")


if __name__ == "__main__":
    main()
