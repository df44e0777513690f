"""`infc compile --no-verify`, and `infc verify -o`, which fills the report in."""

import json
from pathlib import Path

import pytest

from infc.runtime.artifact import Artifact

from support import models
from support.command import infc

SOURCE = f"{models.__file__}:mlp"

OTHERS = """
import sys
sys.path.insert(0, {tests!r})
import torch
from support import models

def longer_way():
    module, inputs = models.mlp()
    return torch.nn.Sequential(*module, torch.nn.Identity(), torch.nn.Hardtanh(-1e30, 1e30)), inputs

def retrained():
    module, inputs = models.mlp()
    with torch.no_grad():
        module[0].weight += 0.1
    return module, inputs
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`mlp.infc`, compiled without verification, and `others.py`, factories of models of the same interface."""
    folder = tmp_path_factory.mktemp("verify")
    (folder / "others.py").write_text(OTHERS.format(tests=str(Path(__file__).parents[2])))
    done = infc("compile", SOURCE, "-o", folder / "mlp.infc", "--no-verify")
    assert done.returncode == 0, done.stderr
    assert "cpu: NOT VERIFIED: compiled with --no-verify" in done.stdout
    return folder


def config(path: Path) -> tuple[str, dict[str, object], set[str]]:
    """An artifact's digest, its one target, and the digests of its blobs."""
    document = json.loads(infc("inspect", path, "--json").stdout)
    with Artifact.open(path, check=True) as artifact:
        return document["digest"], document["config"]["targets"][0], {layer.digest for layer in artifact.layers}


def test_no_verify_marks_the_artifact(folder: Path) -> None:
    _, target, _ = config(folder / "mlp.infc")
    assert (target["verify"], target["skipped"]) == (None, True)


def test_verify_writes_the_report_and_changes_nothing_else(folder: Path, tmp_path: Path) -> None:
    before, unverified, blobs = config(folder / "mlp.infc")
    out = tmp_path / "verified.infc"
    done = infc("verify", folder / "mlp.infc", SOURCE, "-o", out, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    digest, target, copied = config(out)
    assert report["digest"] == digest != before
    assert copied == blobs
    assert target == {**unverified, "verify": report["targets"][0]["verify"], "skipped": False}
    kinds = {row["values"] for row in report["targets"][0]["verify"]["outputs"]}
    assert kinds == {"random", "zeros", "largest", "smallest"}
    assert infc("run", out, "--random").stderr == ""
    again = infc("verify", out, SOURCE, "-o", out)  # onto itself, and the same report gives the same bytes
    assert again.returncode == 0, again.stderr
    assert config(out)[0] == digest
    assert [path.name for path in tmp_path.iterdir()] == ["verified.infc"]


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("longer_way", "gives the artifact's numbers, but is not what it was compiled from"),
        ("retrained", "differs from"),
    ],
)
def test_the_report_of_another_source_is_refused(folder: Path, factory: str, message: str, tmp_path: Path) -> None:
    done = infc("verify", folder / "mlp.infc", f"{folder}/others.py:{factory}", "-o", tmp_path / "out.infc")
    assert done.returncode == 6, done.stderr
    assert message in done.stderr and "hint:" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_report_needs_a_source(folder: Path, tmp_path: Path) -> None:
    done = infc("verify", folder / "mlp.infc", "-o", tmp_path / "out.infc")
    assert done.returncode == 2
    assert "name the SRC to compare with" in done.stderr
    assert not list(tmp_path.iterdir())
