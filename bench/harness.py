"""What every benchmark shares: interleaved timing, rows of figures, the JSON file and the plot.

The sides take turns within one run (a, b, c, a, b, c, …), so that a machine that slows down slows all of them, and
what is compared is the median of each. Absolute times belong to one machine; ratios are what counts.
"""

import argparse
import gc
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LOAD_BEFORE = os.getloadavg()[0]  # what else kept the machine busy when the benchmark began


@dataclass(frozen=True)
class Side:
    """One side's samples, summed up."""

    median: float
    min: float
    max: float
    count: int

    @staticmethod
    def of(samples: list[float]) -> "Side":
        return Side(statistics.median(samples), min(samples), max(samples), len(samples))


@dataclass(frozen=True)
class Row:
    """One figure: its value, the sides that it comes from, and whether it reached its goal.

    `goal` is text such as `>= 100`; `met` is None where there is no goal or no value, and `why` says why.
    """

    figure: str
    unit: str
    value: float | None
    sides: dict[str, Side] = field(default_factory=dict)
    goal: str = ""
    met: bool | None = None
    why: str = ""


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    quick: bool
    json: Path | None
    plot: Path | None


def parse_options(description: str) -> Options:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a small model and few repetitions: does it run at all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to FILE")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the rows' sides into FILE (PNG)")
    return Options(**vars(parser.parse_args()))


def interleave(sides: Mapping[str, Callable[[], float]], repetitions: int) -> dict[str, Side]:
    """Let the sides take turns `repetitions` times, after one turn each that does not count.

    Each callable measures itself and returns what it measured; `timed` makes one from plain work.
    """
    samples: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(repetitions + 1):
        for name, measure in sides.items():
            sample = measure()
            if turn:
                samples[name].append(sample)
    return {name: Side.of(values) for name, values in samples.items()}


def timed(work: Callable[[], object], *, warm: bool = False) -> Callable[[], float]:
    """A side whose sample is the milliseconds of one `work`; what it returns is freed off the clock.

    With `warm` each sample follows one that does not count: the side before it has left its own data in the caches and
    its own threads waiting, which says nothing about a server that does one thing.
    """

    def measure() -> float:
        gc.collect()
        if warm:
            work()
        started = time.perf_counter()
        result = work()
        milliseconds = (time.perf_counter() - started) * 1000
        del result
        return milliseconds

    return measure


def row(
    figure: str,
    unit: str,
    value: float | None,
    sides: dict[str, Side] | None = None,
    goal: tuple[str, float] | None = None,
    why: str = "",
) -> Row:
    """A row, judged: `goal` is (`>=` or `<=`, bound)."""
    sides = sides or {}
    if goal is None:
        return Row(figure, unit, value, sides, why=why)
    relation, bound = goal
    text = f"{relation} {bound:g}"
    if value is None:
        return Row(figure, unit, value, sides, text, None, why)
    return Row(figure, unit, value, sides, text, value >= bound if relation == ">=" else value <= bound, why)


def machine() -> dict[str, Any]:
    """The machine in the words that a reader of the figures needs; no names."""
    cpu = next(
        (line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    memory = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / 2**20, 1),
        "load_before": round(LOAD_BEFORE, 2),
        "system": f"{platform.system()} {platform.release().partition('-')[0]} {platform.machine()}",
        "python": platform.python_version(),
    }


def finish(name: str, rows: list[Row], options: Options, versions: Mapping[str, str]) -> None:
    """Print the rows, and write the JSON file and the plot that were asked for."""
    if options.quick:
        rows = [replace(entry, met=None, why="a quick run says nothing") if entry.goal else entry for entry in rows]
    for entry in rows:
        value = "not measured" if entry.value is None else f"{entry.value:.4g} {entry.unit}"
        verdict = {True: "met", False: "NOT MET", None: ""}[entry.met]
        sys.stdout.write(f"{entry.figure:<58} {value:>16}  {entry.goal:>8} {verdict} {entry.why}\n")
        for side, samples in entry.sides.items():
            spread = f"{samples.min:.4g} … {samples.max:.4g}, n={samples.count}"
            sys.stdout.write(f"    {side:<40} {samples.median:.4g} ({spread})\n")
    if options.json:
        document = {
            "benchmark": name,
            "date": datetime.now(UTC).date().isoformat(),
            "quick": options.quick,
            "machine": machine(),
            "versions": dict(versions),
            "rows": [asdict(entry) for entry in rows],
        }
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    if options.plot:
        _plot(name, rows, options.plot)


def _plot(name: str, rows: list[Row], path: Path) -> None:
    """A dot for each side's median, a line from its smallest to its largest sample, on a log scale."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    drawn = [entry for entry in rows if len(entry.sides) > 1]
    figure, axes = pyplot.subplots(len(drawn), 1, figsize=(9, 0.6 + 2.6 * len(drawn)), squeeze=False)
    for axis, entry in zip(axes[:, 0], drawn, strict=True):
        for place, (label, side) in enumerate(entry.sides.items()):
            color = "#c0392b" if label.startswith("infc") else "#5d6d7e"
            spread = [[side.median - side.min], [side.max - side.median]]
            axis.errorbar(side.median, place, xerr=spread, fmt="o", color=color, elinewidth=1, markersize=7)
        axis.set_yticks(range(len(entry.sides)), list(entry.sides))
        axis.set_xscale("log")
        axis.grid(axis="x", which="both", alpha=0.3)
        axis.set_title(f"{entry.figure} ({entry.unit})", fontsize=10)
        axis.invert_yaxis()
    figure.suptitle(name)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
