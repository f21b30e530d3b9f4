"""`python -m benchmarks.growth [--most N]`: time and memory at 1,000, 10,000, 100,000 objects."""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.report import MIB, machine, make_table

OPERATIONS = {
    "listdir": "listdir",
    "orphans": "clean_orphaned_minio_files, every object has a row",
    "half orphans": "clean_orphaned_minio_files, half of them are orphans",
    "copy": "copy_storage, all there already",
    "collectstatic": "collectstatic, unchanged",
}
RESULTS = Path(__file__).parents[1] / "results"
Found = Mapping[tuple[str, int], Mapping[str, float]]


def measure(operations: list[str], counts: list[int]) -> Found:
    found = {}
    module = [sys.executable, "-m", "benchmarks.growth"]
    with subprocess.Popen(
        [*module[:2], "benchmarks.growth.server"], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout
            endpoint = server.stdout.readline().strip()
            for name in operations:
                for count in counts:
                    command = [*module[:2], "benchmarks.growth.worker", name, str(count), endpoint]
                    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                    found[name, count] = json.loads(done.stdout)
                    print(name, count, done.stdout.strip(), file=sys.stderr)
        finally:
            server.kill()
    return found


def table(found: Found, operations: list[str], counts: list[int]) -> str:
    head = ["operation"]
    for count in counts:
        head += [f"{count:,}: s", "µs each", "MiB"]
    rows = []
    for name in operations:
        row = [OPERATIONS[name]]
        for count in counts:
            cost = found[name, count]
            row += [
                f"{cost['seconds']:.2f}",
                f"{cost['seconds'] / count * 1e6:.0f}",
                f"{cost['peak'] / MIB:.0f}",
            ]
        rows.append(row)
    return make_table(head, rows)


def plot(found: Found, operations: list[str], counts: list[int], path: Path) -> None:
    """Draw the time for each object, and the memory, against the number of objects."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    times, memory = figure.subplots(1, 2)
    for name in operations:
        costs = [found[name, count] for count in counts]
        microseconds = [c["seconds"] / n * 1e6 for c, n in zip(costs, counts, strict=True)]
        times.plot(counts, microseconds, marker="o", label=OPERATIONS[name])
        memory.plot(counts, [cost["peak"] / MIB for cost in costs], marker="o")
    for axes, label in ((times, "µs for each object"), (memory, "MiB at the peak")):
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_xlabel("objects")
        axes.set_ylabel(label)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--most", type=int, default=100_000, metavar="N")
    parser.add_argument("--only", nargs="+", default=list(OPERATIONS), choices=[*OPERATIONS])
    arguments = parser.parse_args()
    counts = [10**power for power in range(3, 8) if 10**power <= arguments.most]
    found = measure(arguments.only, counts)
    text = table(found, arguments.only, counts)
    print(text)
    if arguments.only == list(OPERATIONS):
        RESULTS.mkdir(exist_ok=True)
        head = f"# How cost grows\n\n{datetime.date.today()}, {machine()}, listed by a stand-in.\n"
        (RESULTS / "growth.md").write_text(f"{head}\n{text}\n\n![](growth.svg)\n")
        plot(found, arguments.only, counts, RESULTS / "growth.svg")


if __name__ == "__main__":
    main()
