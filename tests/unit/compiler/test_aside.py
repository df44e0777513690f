"""While the artifact is compared the weights are in memory once, and PyTorch's are whole again behind it."""

import importlib
from pathlib import Path

import numpy as np
import pytest
import torch

from infc.compiler import CompileOptions, compile_model
from infc.compiler.aside import Aside
from infc.errors import CompileError
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
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    held: list[int] = []
    run = Session.run

    def watched(self: Session, inputs: dict[str, np.ndarray], method: str | None = None) -> dict[str, np.ndarray]:
        held.append(sum(tensor.untyped_storage().nbytes() for tensor in module.parameters()))
        return run(self, inputs, method)

    monkeypatch.setattr(Session, "run", watched)
    compile_model("kept_model:make", tmp_path / "a.infc", CompileOptions(cache=None))
    assert set(held) == {0}
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, before[name])
    with torch.no_grad():
        assert module(torch.zeros(20, 100)).isfinite().all()


def test_numbers_that_were_packed_wrongly_are_not_given_back(
    tmp_path: Path, module: torch.nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Aside._read  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(Aside, "_read", lambda *given: read(*given) + 1)
    with pytest.raises(CompileError, match="the slab holds other numbers than the weight sha256:"):
        compile_model("kept_model:make", tmp_path / "a.infc", CompileOptions(cache=None))
    assert not (tmp_path / "a.infc").exists()
