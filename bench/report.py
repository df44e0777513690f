"""Write docs/reference/performance.md from the JSON files in bench/results/."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results"
PAGE = ROOT / "docs" / "reference" / "performance.md"
HEAD = """# Performance

Written by `python bench/report.py` from `bench/results/*.json`; `make bench` measures anew and rewrites both. Within a
benchmark all sides take turns in one run; each figure is a median. Absolute times belong to the machine that is named
with them and drift with what else it does (a load average near 0 before the run means: nothing): compare the ratios.
"""
MET = {True: "yes", False: "**no**", None: ""}


def main() -> None:
    PAGE.write_text(page())


def page() -> str:
    """The whole page, benchmarks in the order of their names."""
    sections = [section(json.loads(path.read_text())) for path in sorted(RESULTS.glob("*.json"))]
    return "\n".join([HEAD, *sections])


def section(document: dict[str, Any]) -> str:
    """One benchmark: the machine, the figures with their goals, and every side's samples."""
    machine = document["machine"]
    quick = " This was a `--quick` run: a small model, few repetitions." if document["quick"] else ""
    lines = [
        f"## {document['benchmark']}",
        "",
        f"{document['date']} on {machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"{machine['system']}, load average {machine['load_before']} before the run, Python {machine['python']}; "
        + ", ".join(f"{name} {version}" for name, version in document["versions"].items())
        + f".{quick}",
        "",
        "| figure | value | goal | met | note |",
        "|---|---:|---:|---|---|",
    ]
    for row in document["rows"]:
        value = "not measured" if row["value"] is None else f"{row['value']:.4g} {row['unit']}"
        lines.append(f"| {row['figure']} | {value} | {row['goal']} | {MET[row['met']]} | {row['why']} |")
    for row in document["rows"]:
        if row["sides"]:
            lines += ["", *sides_table(row)]
    return "\n".join([*lines, ""])


def sides_table(row: dict[str, Any]) -> list[str]:
    lines = [
        f"{row['figure']}, {row['unit']}:",
        "",
        "| side | median | min | max | runs |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, side in row["sides"].items():
        figures = " | ".join(f"{side[key]:.4g}" for key in ("median", "min", "max"))
        lines.append(f"| {name} | {figures} | {side['count']} |")
    return lines


if __name__ == "__main__":
    main()
