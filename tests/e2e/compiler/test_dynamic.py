"""From a model whose dims vary to answers: what is kept, what is rejected, and that every size is right."""

from pathlib import Path

import numpy as np
import pytest
import torch

from infc.compiler import export
from infc.compiler.driver import CompileOptions, CompileResult, compile_model
from infc.compiler.dynamic import parse_dynamic
from infc.compiler.dynamic.padding import Padding
from infc.errors import VerifyError
from infc.runtime.artifact import Artifact
from infc.runtime.session import Session

SOURCE = """
import torch

class Mean(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(8, 16)

    def forward(self, x):
        rows, columns, width = x.shape
        return self.linear(x.reshape(rows * columns, width)).view(rows, columns, 16)

def tokens():
    torch.manual_seed(0)
    return Mean(), (torch.randn(2, 3, 8),)
"""
AXES = "x:0=rows[1..6],1=columns[1..5]"


ATTENTION = """
import torch

class Attention(torch.nn.Module):
    \"\"\"Where a mask hides a whole row, everything in it has the same share: also what is padded.\"\"\"

    def forward(self, x, mask):
        hidden = (1.0 - mask[:, None, :].float()) * torch.finfo(torch.float32).min
        return (x @ x.transpose(1, 2) + hidden).softmax(-1) @ x

def attention():
    return Attention(), {"x": torch.randn(2, 5, 4), "mask": torch.ones(2, 5, dtype=torch.int64)}
"""


def test_buckets_are_left_where_a_mask_hides_a_whole_row(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(ATTENTION)
    options = CompileOptions(dynamic=parse_dynamic(["x:1=seq[2..8]", "mask:1=seq"], ["seq=8"]), cache=None)
    result = compile_model(f"{tmp_path / 'model.py'}:attention", tmp_path / "out.infc", options)
    build = result.config.targets[0]
    assert build.candidates[0].kept
    assert build.candidates[0].name == "buckets seq=8; dynamic where mask hides a whole row"
    assert [module.visible for module in build.stages[0].modules] == [("mask",), ()]
    x = torch.randn(2, 5, 4)
    with Artifact.open(tmp_path / "out.infc", check=True) as artifact, Session.attach(artifact) as session:
        for rows in ([[1, 1, 1, 0, 0], [1] * 5], [[0, 1, 0, 1, 0], [0] * 5], [[0] * 5, [0] * 5]):
            mask = torch.tensor(rows)
            hidden = (1.0 - mask[:, None, :].float()) * torch.finfo(torch.float32).min
            expected = (x @ x.transpose(1, 2) + hidden).softmax(-1) @ x
            found = session.run({"x": x.numpy(), "mask": mask.numpy()})["output_0"]
            np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-5)


def compiled(folder: Path, *buckets: str) -> CompileResult:
    (folder / "model.py").write_text(SOURCE)
    options = CompileOptions(dynamic=parse_dynamic([AXES], buckets), cache=None)
    return compile_model(f"{folder / 'model.py'}:tokens", folder / "out.infc", options)


def test_buckets_that_are_asked_for_and_right_are_kept(tmp_path: Path) -> None:
    build = compiled(tmp_path, "rows=2,6", "columns=5").config.targets[0]
    assert build.candidates[0].name == "buckets rows=2, columns=5; rows=6, columns=5"
    assert [each.kept for each in build.candidates] == [True] + [False] * (len(build.candidates) - 1)
    assert all(each.reason for each in build.candidates[1:])
    assert build.verify
    assert {"rows": 6, "columns": 5} in build.verify.sizes
    weights = torch.nn.Linear(8, 16)
    torch.manual_seed(0)
    weights = torch.nn.Linear(8, 16)
    with Artifact.open(tmp_path / "out.infc", check=True) as artifact, Session.attach(artifact) as session:
        for rows, columns in ((1, 1), (2, 5), (3, 4), (6, 5), (6, 1)):
            x = torch.randn(rows, columns, 8)
            with torch.no_grad():
                expected = weights(x).numpy()
            np.testing.assert_allclose(session.run({"x": x.numpy()})["output_0"], expected, rtol=1e-4, atol=1e-5)


def test_views_that_are_left_to_guesses_are_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What torch-mlir makes of a view of dynamic dims holds for one size: no candidate of it is right."""
    monkeypatch.setattr(export, "split_views", lambda _: None)
    with pytest.raises(VerifyError):
        compiled_without_buckets(tmp_path, monkeypatch)
    assert not (tmp_path / "out.infc").exists()


def compiled_without_buckets(folder: Path, monkeypatch: pytest.MonkeyPatch) -> CompileResult:
    """Without the static modules, which would be right."""
    monkeypatch.setattr("infc.compiler.dynamic.candidates.try_padding", lambda *_: Padding("not wanted"))
    return compiled(folder)
