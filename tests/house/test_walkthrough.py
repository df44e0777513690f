"""The walk of one model through every pass, in docs/concepts/compiler.md, is what the passes give."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from infc.compiler import walkthrough
from infc.passes import registry

PAGE = Path(__file__).parents[2] / "docs" / "concepts" / "compiler.md"


def test_the_page_is_current(tmp_path: Path) -> None:
    """As `make docs` writes it, in a process of its own."""
    copy = tmp_path / "compiler.md"
    copy.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "infc.compiler.walkthrough", str(copy)], check=True)
    assert copy.read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8"), "run `make docs`"


def test_every_pass_is_there_and_changes_something() -> None:
    page = PAGE.read_text(encoding="utf-8").partition(walkthrough.BEGIN)[2]
    sections = [section for section in page.split("\n#### `")[1:] if "```diff" in section]
    assert any(section.startswith("infer-fold-weight-transforms{only=batch-norms}`") for section in sections)
    changing = {re.split("[{`]", section)[0] for section in sections}
    # The one only looks; the importer gives equal weights one key already, and the other is for IR from elsewhere.
    assert set(registry.names()) - changing == {"infer-verify-contract", "infer-dedupe-weights"}


def test_a_page_without_the_part_is_refused() -> None:
    with pytest.raises(ValueError, match="no part between"):
        walkthrough.written("# A page")
