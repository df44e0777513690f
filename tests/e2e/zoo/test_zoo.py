"""A handful of the zoo, as `make zoo` runs them, and the page that is made of its rows."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
ZOO = ROOT / "zoo"


@pytest.mark.parametrize(
    "name", ["modules.lstm", "modules.complex_rotary", "modules.embedding_bag", "decoder.gpt2", "experts.mixtral"]
)
def test_an_entry_compiles_and_is_right(name: str) -> None:
    done = subprocess.run([sys.executable, ZOO / "child.py", name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    row: dict[str, Any] = json.loads(done.stdout)
    assert row["verified"], row


def test_the_page_is_made_of_the_committed_rows() -> None:
    script = "import json, report; rows = open('results/coverage.jsonl'); print(report.page([*map(json.loads, rows)]))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ZOO, capture_output=True, text=True, check=True)
    assert done.stdout.rstrip() == (ROOT / "docs" / "reference" / "coverage.md").read_text().rstrip()
