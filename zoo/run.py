"""Compile and verify every entry of the zoo, two at once, and write the rows and the page.

    python zoo/run.py [--only PATTERN]... [--jobs N] [--output FILE]

Rows go to `zoo/results/coverage.jsonl`, one JSON object a line; `docs/reference/coverage.md` is made of them. With
`--only text.*` the other rows stay as they were.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from families import names
from report import PAGE, page

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "coverage.jsonl"
SECONDS = 900  # for one entry, from the start of its process, on a machine that may be in use


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", metavar="PATTERN", help="entries to run, like text.* (all)")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="entries at once (%(default)s)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="the rows (%(default)s)")
    options = parser.parse_args()
    chosen = [name for name in names() if any(fnmatch(name, pattern) for pattern in options.only or ["*"])]
    rows = {row["name"]: row for row in read(options.output)}
    commit = revision()
    with ThreadPoolExecutor(options.jobs) as pool:
        for row in pool.map(run, chosen):
            rows[row["name"]] = {**row, "commit": commit}
            write(options.output, [rows[name] for name in names() if name in rows])  # what is measured stays measured
            print(f"{row['name']:32} {row.get('why') or row['max_rel_error']}", file=sys.stderr, flush=True)


def revision() -> str:
    """The commit that is measured, with a plus sign when files have changed since; empty outside of a repository."""
    git = ["git", "-C", str(HERE), "describe", "--always", "--dirty=+", "--exclude=*"]
    return subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """The rows, and the page when they are the ones that it is made of."""
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    if path == RESULTS:
        PAGE.write_text(page(rows))


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of an earlier run; none when there is none."""
    if path.exists():
        yield from map(json.loads, path.read_text().splitlines())


def run(name: str, seconds: float = SECONDS) -> dict[str, Any]:
    """The row of one entry; of a child that was killed or ran out of time, what is known of it."""
    command = [sys.executable, str(HERE / "child.py"), name]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as child:
        try:
            out, err = child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)  # iree-compile is in its group
            return lost(name, f"took more than {seconds:g} s")
    if child.returncode:
        last = err.strip().splitlines()[-1:] or ["no message"]
        return lost(name, f"exit code {child.returncode}: {last[0]}")
    return json.loads(out)


def lost(name: str, why: str) -> dict[str, Any]:
    return {"name": name, "compiled": False, "verified": False, "error": "", "stage": "", "why": why}


if __name__ == "__main__":
    main()
