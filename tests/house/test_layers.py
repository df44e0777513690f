"""The arrows between the packages (docs/architecture.md) hold, and breaking one is noticed."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of `folder`/pyproject.toml on the sources in `folder`/src."""
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "NO_COLOR": "1"}
    return subprocess.run(LINT, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the sources, links followed, that a test may spoil."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_arrows_hold() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("errors.py", "import click", "errors import nothing"),
        ("dialects/infer.py", "from ..passes import pipeline", "dialects import torch_mlir only"),
        ("passes/walk.py", "import torch", "passes import dialects and torch_mlir"),
        ("compiler/driver.py", "from ..remote import client", "the compiler does not know the pool"),
        ("codegen/cli.py", "from ..runtime import session", "codegen reads artifacts and dialects only"),
        ("runtime/session.py", "import torch", "the runtime runs without PyTorch and the compiler"),
        ("remote/client/model.py", "from ...runtime import artifact", "the client is numpy, gRPC and protobuf"),
        ("remote/cli.py", "from ..compiler import driver", "the pool is runtime and gRPC"),
    ],
)
def test_a_planted_arrow_is_found(copy: Path, file: str, line: str, contract: str) -> None:
    planted = copy / "src" / "infc" / file
    assert planted.exists()
    planted.write_text(f"{planted.read_text()}\n\ndef planted() -> None:\n    {line}\n")
    done = lint(copy)
    assert done.returncode == 1, done.stdout
    assert f"{contract} BROKEN" in done.stdout


def imports(source: str) -> set[str]:
    """The absolute modules that `source` imports anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def names_iree_compiler(source: str) -> bool:
    return any(name == "iree.compiler" or name.startswith("iree.compiler.") for name in imports(source))


@pytest.mark.parametrize("package", ["runtime", "remote"])
def test_what_runs_models_does_not_import_the_compiler_of_iree(package: str) -> None:
    # `iree` is one name to import-linter, and its runtime half is allowed here.
    found = [str(path) for path in (ROOT / package).rglob("*.py") if names_iree_compiler(path.read_text())]
    assert found == []


def test_every_spelling_of_iree_compiler_is_seen() -> None:
    for line in ("import iree.compiler", "from iree import compiler", "from iree.compiler import ir"):
        assert names_iree_compiler(f"def f():\n    {line}\n")
    assert not names_iree_compiler("from iree import runtime")
