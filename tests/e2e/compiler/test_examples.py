"""The commands in the examples' docstrings run as they stand there."""

import ast
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "examples"
RUN = {"python", "infc compile", "infc run", "infc inspect", "infc codegen"}  # the others wait for somebody


def commands(name: str) -> list[list[str]]:
    text = ast.get_docstring(ast.parse((EXAMPLES / name).read_text())) or ""
    lines = [line.partition("     ")[0].split("  #")[0] for line in text.splitlines()]
    return [shlex.split(line) for line in lines if any(line.startswith(f"{start} ") for start in RUN)]


# doors.py is run, and its numbers compared, in test_doors.py; minilm.py, embed.py and demo.py by `make demo`.
@pytest.mark.parametrize("name", ["dynamic.py", "signatures.py"])
def test_its_commands_run(name: str, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(EXAMPLES)
    found = commands(name)
    assert len(found) >= 2
    tools = {"python": [sys.executable], "infc": [sys.executable, "-m", "infc"]}
    for tool, *rest in found:
        environment = {**os.environ, "INFC_CACHE_DIR": str(tmp_path / "cache")}
        command = [*tools[tool], *rest]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{shlex.join([tool, *rest])}\n{done.stderr}"
