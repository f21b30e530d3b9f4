"""The results of the rounds, as a table and as a plot."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.contenders import BASELINE, OURS, REQUIREMENTS, SDK, UNCOUNTED

MIB = 2**20
NOTHING = "\N{EN DASH}"


@dataclass(frozen=True)
class Workload:
    """A measured operation: `count` times a round, each worth `units` of `unit`."""

    name: str
    count: int
    unit: str = "/s"
    units: float = 1
    #: True if the contender's bucket for static files is emptied before each time.
    cold: bool = False
    #: The workers' name for it, if that is another one.
    known_as: str = ""
    memory: bool = False


@dataclass
class Found:
    """The measurements of one workload: per contender one entry a round."""

    workload: Workload
    rates: dict[str, list[float]] = field(default_factory=dict)
    requests: dict[str, float] = field(default_factory=dict)
    peaks: dict[str, list[float]] = field(default_factory=dict)
    #: Microseconds of CPU that the client took for one operation.
    cpu: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, seconds: float, requests: float, peak: float, cpu: float) -> None:
        workload = self.workload
        self.rates.setdefault(name, []).append(workload.count * workload.units / seconds)
        if name not in UNCOUNTED:
            self.requests[name] = requests / workload.count
        self.peaks.setdefault(name, []).append(peak)
        self.cpu.setdefault(name, []).append(cpu / workload.count * 1e6)

    def ratio(self, name: str) -> float | None:
        """Return the median over the rounds of a contender's rate against the baseline's.

        Workloads that the baseline lacks are measured against django-storages.
        """
        base = self.rates.get(BASELINE) or self.rates.get("django-storages")
        if base is None or name not in self.rates:
            return None
        return median(a / b for a, b in zip(self.rates[name], base, strict=True))

    def cpu_ratio(self, name: str) -> float | None:
        """Return the median over the rounds of a contender's CPU against the bare SDK's."""
        if SDK not in self.cpu or name not in self.cpu:
            return None
        return median(a / b for a, b in zip(self.cpu[name], self.cpu[SDK], strict=True))


def table(found: Sequence[Found]) -> str:
    names = list(REQUIREMENTS)
    labels = [_label(name) for name in names]
    parts = [
        f"{datetime.date.today()}, {machine()}. Medians of {rounds(found)} interleaved rounds.",
        "How fast, as a multiple of django-minio-backend 4.5.0 (above 1: faster):",
        make_table(
            ["workload", *labels, f"{BASELINE} does"],
            [[_name(one), *_cells(names, one.ratio, "{:.2f}"), _rate(one)] for one in found],
        ),
        "CPU of the client for one operation, as a multiple of the bare SDK's (below 1: less):",
        make_table(
            ["workload", *labels, f"{SDK} takes"],
            [
                [_name(one), *_cells(names, one.cpu_ratio, "{:.2f}"), _cpu(one)]
                for one in found
                if SDK in one.cpu
            ],
        ),
        "Requests an operation:",
        make_table(
            ["workload", *labels],
            [
                [_name(one), *_cells(names, one.requests.get, "{:.4g}")]
                for one in found
                if any(one.requests.values())
            ],
        ),
        "Memory over what the process had before, at its peak, in MiB:",
        make_table(
            ["workload", *labels],
            [
                [_name(one), *_cells(names, _peak_of(one), "{:.0f}")]
                for one in found
                if one.workload.memory
            ],
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _label(name: str) -> str:
    return "this package" if name == OURS else name


def _name(found: Found) -> str:
    has_base = not found.rates or BASELINE in found.rates
    return found.workload.name + ("" if has_base else " (1: django-storages)")


def _rate(found: Found) -> str:
    if (rates := found.rates.get(BASELINE)) is None:
        return NOTHING
    rate = median(rates)
    return f"{rate:,.0f}{found.workload.unit}" if rate >= 10 else f"{rate:.2f}{found.workload.unit}"


def _cpu(found: Found) -> str:
    return f"{median(found.cpu[SDK]) / 1000:,.2f} ms"


def _peak_of(found: Found) -> Callable[[str], float | None]:
    def peak(name: str) -> float | None:
        peaks = found.peaks.get(name)
        return median(peaks) / MIB if peaks else None

    return peak


def _cells(names: Iterable[str], value: Callable[[str], float | None], style: str) -> list[str]:
    return [NOTHING if (found := value(name)) is None else style.format(found) for name in names]


def make_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [list(head), ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def rounds(found: Sequence[Found]) -> int:
    return max(len(rates) for one in found for rates in one.rates.values())


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}, MinIO on loopback"
    )


def plot(found: Sequence[Found], path: Path) -> None:
    """Draw each contender's ratio to the baseline, workload by workload, on a logarithmic axis."""
    from matplotlib.figure import Figure

    names = [name for name in REQUIREMENTS if name != BASELINE]
    markers = dict(zip(names, "o|sv^Dx", strict=False))
    figure = Figure(figsize=(9, 0.42 * len(found) + 1.6), layout="constrained")
    axes = figure.subplots()
    for place in range(len(found)):
        axes.axhline(place, color="0.9", linewidth=1, zorder=0)
    for name in names:
        ratios = [one.ratio(name) for one in reversed(found)]
        points = [(ratio, place) for place, ratio in enumerate(ratios) if ratio is not None]
        ours = name == OURS
        axes.scatter(
            [ratio for ratio, _ in points],
            [place for _, place in points],
            label=_label(name),
            marker=markers[name],
            s=90 if ours else 45,
            color="#2a6f4e" if ours else None,
            edgecolors="white" if ours else None,
            zorder=3 if ours else 2,
        )
    axes.axvline(1, color="0.4", linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(range(len(found)), [_name(one) for one in reversed(found)])
    axes.set_xlabel(f"times as fast as {BASELINE} 4.5.0")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside upper center", ncols=len(names), frameon=False)
    figure.savefig(path)
