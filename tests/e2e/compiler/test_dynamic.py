"""From a model whose dims vary to answers: what is kept, what is rejected, and that every size is right."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import helper

from infc.compiler.doors import Request
from infc.compiler.driver import CompileOptions, CompileResult, compile_model
from infc.compiler.dynamic import parse_dynamic
from infc.compiler.dynamic.padding import Padding
from infc.compiler.frontend import export
from infc.compiler.verification.check import check_against
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


def test_an_open_dim_of_an_onnx_graph_varies(tmp_path: Path) -> None:
    weight = np.random.default_rng(0).normal(size=(8, 16)).astype(np.float32)
    kind = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["a"]), helper.make_node("Relu", ["a"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", kind, ["rows", 8])],
        [helper.make_tensor_value_info("y", kind, ["rows", 16])],
        [onnx.numpy_helper.from_array(weight, "w")],
    )
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "product.onnx")
    options = CompileOptions(dynamic=parse_dynamic(["x:0=rows[1..5]"], ["rows=5"]), cache=None)
    result = compile_model(str(tmp_path / "product.onnx"), tmp_path / "out.infc", options)
    assert result.config.targets[0].candidates[0].kept
    with Artifact.open(tmp_path / "out.infc", check=True) as artifact, Session.attach(artifact) as session:
        x = np.random.default_rng(1).normal(size=(3, 8)).astype(np.float32)
        np.testing.assert_allclose(session.run({"x": x})["y"], np.maximum(x @ weight, 0), rtol=1e-4, atol=1e-5)
        assert [(dim.name, dim.low, dim.high) for dim in artifact.method().dims] == [("rows", 1, 5)]
        report = check_against(artifact, str(tmp_path / "product.onnx"), Request(), trials=1, seed=1).reports
        assert {"rows": 1} in report["cpu"].sizes


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
