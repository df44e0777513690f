"""A package with passes of its own, installed for real."""

import subprocess
import sys
from pathlib import Path

HEADER = """
import ctypes
from dataclasses import dataclass
from typing import ClassVar
from torch_mlir import ir
from infc.dialects.transforms import Permute
from infc.passes.base import Pass
from infc.passes.walk import operations
from infc.passes.weights.derive import derive
"""


def install(folder: Path, package: str, entries: str, code: str, version: str = "1") -> Path:
    """Install a package of one module with the `entries` of passes into `folder`, as pip does; the directory for the
    path."""
    source = folder / f"source-{package}"
    source.mkdir(exist_ok=True)
    (source / f"{package}.py").write_text(HEADER + code)
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        f'[project]\nname = "{package}"\nversion = "{version}"\n[tool.setuptools]\npy-modules = ["{package}"]\n'
        f'[project.entry-points."infc.passes"]\n{entries}\n'
    )
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--upgrade", "--target", folder / "site", source], check=True, capture_output=True)
    return folder / "site"
