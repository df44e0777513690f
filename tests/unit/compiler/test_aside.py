"""While the command line compares the artifact the weights are in memory once."""

import importlib
from pathlib import Path

import numpy as np
import pytest
import torch

from infc.compiler import CompileOptions, compile_model
from infc.runtime.session import Session

MODEL = """
import torch
torch.manual_seed(0)
MODULE = torch.nn.Sequential(torch.nn.Linear(100, 300), torch.nn.GELU(), torch.nn.Linear(300, 70)).eval()
def make():
    return MODULE, (torch.randn(20, 100),)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> torch.nn.Module:
    (tmp_path / "kept_model.py").write_text(MODEL)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(importlib.sys.modules, "kept_model", raising=False)  # pyright: ignore[reportAttributeAccessIssue]
    return importlib.import_module("kept_model").MODULE


def test_the_weights_are_in_the_slab_alone_while_it_runs(
    tmp_path: Path, module: torch.nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    run = Session.run

    def watched(self: Session, inputs: dict[str, np.ndarray], method: str | None = None) -> dict[str, np.ndarray]:
        held.append(sum(tensor.untyped_storage().nbytes() for tensor in module.parameters()))
        return run(self, inputs, method)

    monkeypatch.setattr(Session, "run", watched)
    compile_model("kept_model:make", tmp_path / "a.infc", CompileOptions(cache=None, last=True))
    assert set(held) == {0}


WEIGHT_OUT = """
import torch
class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(30, 20))
    def forward(self, x):
        return x @ self.weight, self.weight, self.weight.T
def make():
    return Tied().eval(), (torch.randn(4, 30),)
"""


def test_an_answer_that_is_a_weight_stays_when_the_weight_is_freed(tmp_path: Path) -> None:
    source = tmp_path / "weight_out.py"
    source.write_text(WEIGHT_OUT)
    result = compile_model(f"{source}:make", tmp_path / "a.infc", CompileOptions(cache=None, last=True))
    (build,) = result.config.targets
    assert build.verify is not None
