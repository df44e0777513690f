"""docs/reference/coverage.md, from the rows that `zoo/run.py` wrote."""

import json
from pathlib import Path
from typing import Any

from families import FAMILIES

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "reference" / "coverage.md"
FINDINGS = HERE / "findings.md"
HEAD = """# Coverage

Written by `make zoo` from `zoo/results/coverage.jsonl`. Every entry is a small model with fixed random weights, which
is compiled and compared with PyTorch on three random inputs, in a process of its own with a limit on time and memory.
`infc compile zoo/FAMILY.py:ENTRY -o x.infc` compiles one alone. The error is the largest difference divided by the
largest value of PyTorch's output. The times of a call are medians on one thread, infc and PyTorch eager taking turns;
these models are small, so that they show the cost of a call more than that of the arithmetic: a ratio below 1 is
faster than eager.
"""


def page(rows: list[dict[str, Any]]) -> str:
    """The whole page: totals, findings, a table for each family."""
    return "\n".join(
        [
            HEAD,
            _commits(rows),
            "",
            *totals(rows),
            "",
            FINDINGS.read_text(),
            *(_section(family, rows) for family in FAMILIES),
        ]
    )


def _commits(rows: list[dict[str, Any]]) -> str:
    """From which state of infc the rows are: a table of one commit is what the totals stand for."""
    commits = sorted({row.get("commit") or "an unknown one" for row in rows})
    return f"Measured at commit {', '.join(commits)}."


def totals(rows: list[dict[str, Any]]) -> list[str]:
    """How many compile and are right, by family."""
    lines = ["| family | entries | compiled | verified |", "|---|---:|---:|---:|"]
    for family, title in FAMILIES.items():
        lines.append(_counts(title, [row for row in rows if row["name"].startswith(f"{family}.")]))
    return [*lines, _counts("**all**", rows)]


def _counts(title: str, rows: list[dict[str, Any]]) -> str:
    verified = sum(row["verified"] for row in rows)
    share = f" ({100 * verified / len(rows):.0f} %)" if rows else ""
    return f"| {title} | {len(rows)} | {sum(row['compiled'] for row in rows)} | {verified}{share} |"


def _section(family: str, rows: list[dict[str, Any]]) -> str:
    lines = [
        f"## {FAMILIES[family]}: `zoo/{family}.py`",
        "",
        "| entry | compiled | verified | largest error | compile, s | call, ms | eager, ms | infc / eager | why not |",
        "|---|---|---|---:|---:|---:|---:|---:|---|",
    ]
    lines += [_line(row) for row in rows if row["name"].startswith(f"{family}.")]
    return "\n".join([*lines, ""])


def _line(row: dict[str, Any]) -> str:
    name = row["name"].partition(".")[2]
    if not row["verified"]:
        why = " ".join(filter(None, (row["error"], row["stage"] and f"({row['stage']})", row["why"]))).replace("|", "/")
        return f"| {name} | {_mark(row['compiled'])} | **no** | | | | | | {why} |"
    ratio = row["infc_ms"] / row["eager_ms"]
    return (
        f"| {name} | yes | yes | {row['max_rel_error']:.1e} | {row['compile_s']:.1f} | {row['infc_ms']:.2f} "
        f"| {row['eager_ms']:.2f} | {ratio:.2f} | |"
    )


def _mark(value: bool) -> str:
    return "yes" if value else "**no**"


if __name__ == "__main__":
    PAGE.write_text(page([json.loads(line) for line in (HERE / "results" / "coverage.jsonl").read_text().splitlines()]))
