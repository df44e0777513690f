"""Passes of other packages: installed for real, found by their entry point."""

import subprocess
import sys
from pathlib import Path

import pytest

PASS = '''
from dataclasses import dataclass
from typing import ClassVar
from infc.passes.base import Pass

@dataclass(frozen=True)
class Rename(Pass):
    """Give every function another name.

    Before and after: `@f`, `@g`.
    """

    name: ClassVar[str] = "acme-rename"
    to: str = "renamed"

    def run(self, module):
        for op in module.regions[0].blocks[0].operations:
            op.operation.attributes["sym_name"] = type(op.operation.attributes["sym_name"]).get(self.to, module.context)
'''
TEXT = "func.func @f() { return }"


def install(folder: Path, package: str, entry: str, code: str = PASS) -> Path:
    """Install a package with the entry point `entry` into `folder`, as pip does."""
    source = folder / f"source-{package}"
    source.mkdir()
    (source / f"{package}.py").write_text(code)
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        f'[project]\nname = "{package}"\nversion = "1"\n[tool.setuptools]\npy-modules = ["{package}"]\n'
        f'[project.entry-points."infc.passes"]\n{entry}\n'
    )
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--target", folder / "site", source], check=True, capture_output=True)
    return folder / "site"


def opt(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `infc-opt` where the packages in `site` are installed."""
    command = [sys.executable, "-c", "from infc.passes.running.opt import main; main()", *arguments]
    environment = {"PYTHONPATH": str(site), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, input=TEXT, env=environment, capture_output=True, text=True, check=False)


def test_an_installed_pass_runs_with_its_options_and_is_listed(tmp_path: Path) -> None:
    site = install(tmp_path, "acme", 'acme-rename = "acme:Rename"')
    done = opt(site, "--pass-pipeline=builtin.module(canonicalize,acme-rename{to=g})")
    assert done.returncode == 0, done.stderr
    assert "func.func @g" in done.stdout
    assert "acme-rename" in opt(site, "--list-passes").stdout


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ('infer-pack-weights = "acme:Rename"', "two passes are called 'infer-pack-weights': that of infc and acme's"),
        ('acme-other = "acme:Rename"', "acme:Rename of acme is no pass called 'acme-other'"),
        ('acme-rename = "acme:Gone"', "pass 'acme-rename' of acme cannot be loaded from acme:Gone"),
    ],
    ids=["duplicate", "another name", "gone"],
)
def test_a_plugin_that_cannot_be_one_is_an_error(tmp_path: Path, entry: str, message: str) -> None:
    (tmp_path / "acme.py").write_text(PASS)
    info = tmp_path / "acme-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[infc.passes]\n{entry.replace(chr(34), '')}\n")
    done = opt(tmp_path, f"--pass-pipeline={entry.partition(' ')[0]}")
    assert done.returncode == 4
    assert f"error: {message}" in done.stderr
    assert "hint: " in done.stderr
