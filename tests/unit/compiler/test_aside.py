"""While the command line compares the artifact the weights are in memory once."""

import importlib
from pathlib import Path

import numpy as np
import pytest
import torch

from infc.compiler import CompileOptions, compile_model
from infc.compiler.slab.aside import Aside
from infc.compiler.slab.weights import WeightTable
from infc.errors import VerifyError
from infc.runtime.artifact import Artifact, WeightData
from infc.runtime.session import Session

from support.artifacts import LINEAR, write_artifact

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


JUDGED_IN_F64 = """
import torch
def make():
    torch.manual_seed(0)
    layers = torch.nn.Conv2d(8, 8, 3, groups=8), torch.nn.GroupNorm(2, 8), torch.nn.Hardswish()
    last = torch.nn.Conv2d(8, 16, 1, groups=4), torch.nn.InstanceNorm2d(16)
    return torch.nn.Sequential(*layers, *last).eval(), (torch.randn(2, 8, 12, 12),)
"""


def test_pytorch_in_f64_has_its_weights_again(tmp_path: Path) -> None:
    # Constant planes, from zeros: the norm enlarges what is rounding alone, and f64 is asked.
    source = tmp_path / "judged.py"
    source.write_text(JUDGED_IN_F64)
    result = compile_model(f"{source}:make", tmp_path / "a.infc", CompileOptions(cache=None, last=True))
    (build,) = result.config.targets
    assert build.verify is not None
    assert "zeros" in {left.values for left in build.verify.left_out}


@pytest.mark.parametrize("right", [True, False])
def test_a_slab_with_other_numbers_is_told_when_a_weight_is_filled_again(tmp_path: Path, right: bool) -> None:
    tensor = torch.arange(32, dtype=torch.float32).reshape(8, 4)
    weights = WeightTable()
    weights.add("w", tensor)
    packed = np.arange(32, dtype=np.float32).reshape(8, 4)
    packed[7, 3] += 0 if right else 1
    data = WeightData("w", weights.digests["w"], "f32", (8, 4), "row_major", packed)
    path = write_artifact(tmp_path / "a.infc", "a", LINEAR, b"no code", [data])
    with Artifact.open(path) as staged:
        aside = Aside(weights, staged, for_good=True)
        aside.free()
        assert tensor.untyped_storage().nbytes() == 0
        if right:
            aside.restore()
            assert tensor[7].tolist() == [28, 29, 30, 31]
            return
        with pytest.raises(VerifyError, match=f"the slab holds other numbers than the weight {weights.digests['w']}"):
            aside.restore()


EVERY_LAYOUT = """
import torch
class Products(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.rows = torch.nn.Linear(64, 50)
        self.columns = torch.nn.Parameter(torch.randn(50, 40))
        self.batch = torch.nn.Parameter(torch.randn(3, 40, 70))
    def forward(self, x):
        return (self.rows(x) @ self.columns) @ self.batch
def make():
    torch.manual_seed(0)
    return Products().eval(), (torch.randn(3, 16, 64),)
"""


def test_weights_come_back_from_every_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "products.py"
    source.write_text(EVERY_LAYOUT)
    free, restored = Aside.free, []

    def and_restore(self: Aside) -> None:
        free(self)
        self.restore()  # which compares the digests
        restored.append(True)

    monkeypatch.setattr(Aside, "free", and_restore)
    result = compile_model(f"{source}:make", tmp_path / "a.infc", CompileOptions(cache=None, last=True))
    assert restored
    (build,) = result.config.targets
    shapes = {len(weight.shape) for stage in build.stages for weight in stage.slab.weights if "mmt4d" in weight.layout}
    assert shapes == {4, 5}
