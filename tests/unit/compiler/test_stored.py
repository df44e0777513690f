"""PyTorch with the weights as an artifact stores them: which numbers these are, and where they are taken."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from infc.compiler.doors import Request, read_source
from infc.compiler.frontend.export import export
from infc.compiler.frontend.source import Source
from infc.compiler.slab import transforming
from infc.compiler.slab.stored import CannotUndo, Recipe, as_stored, recipe_of, rounds
from infc.compiler.slab.weights import WeightTable
from infc.compiler.verification.stored import StoredReference, StoredWeights
from infc.dialects.transforms import Permute, parse_transforms
from infc.errors import VerifyError

torch.manual_seed(0)
W = torch.randn(24, 16)
GAMMA, VAR = torch.randn(24), torch.rand(24) + 0.5
GAMMA[3] = 0
TENSORS = {"w": W, "gamma": GAMMA, "var": VAR}


def recipe(text: str) -> Recipe:
    return parse_transforms(text.split("|"))


def test_a_key_says_what_was_done() -> None:
    packed = "w|x|permute[1,0]|quantize[q,8,24,sym]@mmt4d[16,1]"
    assert recipe_of(packed, "mmt4d[16,1]") == ("w|x", recipe("permute[1,0]|quantize[q,8,24,sym]"))
    assert recipe_of("w", "row_major") == ("w", ())
    assert not rounds((Permute((1, 0)),))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("cast[bf16]", 2**-8),
        ("permute[1,0]|cast[f16]", 2**-11),
        ("reshape[48,8]|cast[f16]", 2**-11),
        ("quantize[scale,8,16,sym]", 1 / 127),
        ("permute[1,0]|quantize[q,8,12,asym]", 1 / 127),
        ("permute[1,0]|reshape[8,48]|quantize[q,4,16,sym]", 1 / 7),
        ("reshape[4,6,16]|flip[2]|phases[3]|reshape[12,36]|quantize[q,8,36,sym]", 1 / 127),
        ("bn_scale[0,1e-05,gamma,var]|cast[bf16]", 2**-8),
        ("bn_scale[0,1e-05,gamma,var]|quantize[q,8,16,sym]", 1 / 127),
    ],
)
def test_what_is_left_of_a_weight_is_near_it_and_not_it(text: str, error: float) -> None:
    found = as_stored(TENSORS, "w", recipe(text))
    assert (found.shape, found.dtype, found.is_contiguous()) == (W.shape, W.dtype, True)
    gap = (found - W).abs()
    assert 0 < gap.max() < error * W.abs().max() * 1.01


def test_the_numbers_are_those_of_the_slab() -> None:
    steps = recipe("permute[1,0]|quantize[q,8,24,sym]")
    q, scale = (transforming.transformed(TENSORS, "w", recipe(f"permute[1,0]|quantize[{part},8,24,sym]"))
                for part in ("q", "scale"))  # fmt: skip
    assert torch.equal(as_stored(TENSORS, "w", steps), (q.float() * scale).T)


def test_what_cannot_be_undone_is_said() -> None:
    with pytest.raises(CannotUndo, match="bn_shift"):
        as_stored({"w": GAMMA, **TENSORS} | {"w": GAMMA}, "w", recipe("bn_shift[1e-05,gamma,var,var,-]|cast[bf16]"))


def test_a_rounding_that_is_too_coarse_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    right = transforming._symmetric  # pyright: ignore[reportPrivateUsage]

    def shifted(groups: torch.Tensor, bits: int) -> tuple[torch.Tensor, torch.Tensor]:
        scale, zero = right(groups, bits)
        return scale.roll(1, 0) / 2, zero

    monkeypatch.setattr(transforming, "_symmetric", shifted)
    with pytest.raises(VerifyError, match="'w' is stored with other numbers than its own"):
        as_stored(TENSORS, "w", recipe("quantize[q,8,16,sym]"))


class Tied(torch.nn.Module):
    """One matrix as a table and as the weights of a product."""

    def __init__(self) -> None:
        super().__init__()
        self.w = torch.nn.Parameter(W.clone())

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """The products of rows with all rows."""
        return torch.nn.functional.linear(torch.nn.functional.embedding(ids, self.w), self.w)


def table_of(tensors: dict[str, torch.Tensor]) -> WeightTable:
    table = WeightTable()
    for key, tensor in tensors.items():
        table.add(key, tensor)
    return table


@pytest.mark.parametrize("table", ["cast[bf16]", ""])
def test_a_tied_weight_is_one_thing_as_a_table_and_another_in_products(table: str) -> None:
    module, ids = Tied().eval(), torch.tensor([1, 5, 7])
    program = export(Source("tied", module, (ids,)))
    stored = StoredWeights(table_of({"w": module.w.detach()}))
    stored.matrices["w"] = recipe("quantize[q,8,16,sym]")
    stored.tables["w"] = recipe(table) if table else ()
    reference = StoredReference(program, stored)
    assert reference.unseen == {"w"}
    (found,) = reference({program.method.inputs[0].name: ids}).values()
    rows = as_stored(TENSORS, "w", recipe(table)) if table else W
    torch.testing.assert_close(found, rows[ids] @ as_stored(TENSORS, "w", stored.matrices["w"]).T)
    assert not reference.unseen
    (exact,) = (reference.exact({program.method.inputs[0].name: ids}) or {}).values()
    assert exact.dtype == torch.float64
    torch.testing.assert_close(exact.float(), found)
    assert torch.equal(module.w, W)


def test_a_weight_that_the_module_does_not_compute_with_is_told() -> None:
    module, ids = Tied().eval(), torch.tensor([1, 5, 7])
    stored = StoredWeights(table_of({"w": module.w.detach(), "other": W + 1}), tables={"other": recipe("cast[bf16]")})
    reference = StoredReference(export(Source("tied", module, (ids,))), stored)
    reference({"ids": ids})
    assert reference.unseen == {"other"}


def test_onnx_runtime_computes_with_them_too(tmp_path: Path) -> None:
    made = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 24])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 16])],
        [numpy_helper.from_array(W.numpy(), "w")],
    )
    model: Any = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "m.onnx")
    program = export(read_source(str(tmp_path / "m.onnx"), Request()))
    stored = StoredWeights(table_of({"w": W}), matrices={"w": recipe("permute[1,0]|quantize[q,8,24,sym]")})
    reference = StoredReference(program, stored)
    assert not reference.unseen
    x = torch.randn(2, 24)
    expected = x @ as_stored(TENSORS, "w", stored.matrices["w"])
    np.testing.assert_allclose(reference({"x": x})["y"].numpy(), expected.numpy(), rtol=1e-5, atol=1e-5)
