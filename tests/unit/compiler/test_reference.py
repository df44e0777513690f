"""What PyTorch is asked for: its own answer, the one in f64, the one without subnormal numbers; and which trials."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from infc.compiler.frontend.export import export
from infc.compiler.frontend.source import Source
from infc.compiler.verification.doubles import CannotWiden, in_double_precision
from infc.compiler.verification.reference import Reference
from infc.compiler.verification.trials import Trial, draw_trials
from infc.errors import SourceError
from infc.runtime.artifact import LeftOut

from support import models


class Of(torch.nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> Any:
        """`x` as the function takes it."""
        return self.function(x)


def reference(function: Callable[..., Any], *args: torch.Tensor) -> Reference:
    return Reference(export(Source("of", Of(function), args)))


def test_a_model_runs_in_f64_and_its_weights_stay_as_they_are() -> None:
    module, (x,) = models.mlp()
    wide = in_double_precision(lambda: module(x))
    expected = module.double()(x.double())
    module.float()
    assert wide.dtype == torch.float64
    torch.testing.assert_close(wide, expected, rtol=1e-13, atol=0)
    assert {each.dtype for each in module.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.to(torch.bfloat16).float() / 3,
        lambda x: torch.zeros(4, dtype=torch.float16) + x,
        lambda x: x + torch.tensor([1.0, 2.0, 3.0, 4.0]),
        lambda x: torch.ones(4).mul_(x).add_(1),
        lambda x: torch.nn.functional.scaled_dot_product_attention(*[x.view(1, 2, 2)] * 3),
    ],
)
def test_what_names_a_dtype_is_widened_too(function: Callable[[torch.Tensor], torch.Tensor]) -> None:
    x = torch.tensor([1 / 3, 0.1, 0.7, 1e-8])
    assert in_double_precision(lambda: function(x)).dtype == torch.float64


@pytest.mark.parametrize(
    "module",
    [
        torch.nn.Sequential(torch.nn.Conv1d(3, 4, 2), torch.nn.Conv1d(4, 2, 2)),
        torch.nn.Sequential(torch.nn.ReLU(), torch.nn.ConvTranspose1d(3, 4, 2)),
    ],
)
def test_what_compares_dtypes_before_it_computes_runs_in_f64(module: torch.nn.Module) -> None:
    assert in_double_precision(lambda: module(torch.ones(2, 3, 5))).dtype == torch.float64


def test_the_order_of_equal_values_is_that_of_their_places() -> None:
    x = torch.tensor([[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0] * 8])
    found = reference(lambda x: (x.topk(5)[1], x.sort(descending=True)[1], x.topk(3, largest=False)[1]), x)
    assert (ordered := found.in_order({"x": x})) is not None
    assert ordered["output_0"].tolist() == [[0, 4, 8, 12, 16]]
    assert ordered["output_1"][0, :3].tolist() == [0, 4, 8]
    assert ordered["output_2"].tolist() == [[1, 2, 3]]
    assert reference(lambda x: x.argmax(-1), x).in_order({"x": x}) is None


def test_a_change_in_place_that_would_be_lost_is_refused() -> None:
    weight = torch.ones(2)
    with pytest.raises(CannotWiden, match="mul_"):
        in_double_precision(lambda: weight.mul_(2))
    assert weight.tolist() == [1, 1]


def test_a_model_that_takes_no_f64_has_no_exact_answer() -> None:
    def narrow(x: torch.Tensor) -> torch.Tensor:
        if x.sqrt().dtype != torch.float32:
            raise TypeError("f32 only")
        return x.sqrt()

    x = torch.ones(2)
    assert reference(narrow, x).exact({"x": x}) is None


def test_subnormal_numbers_are_zero_with_their_sign_when_flushed() -> None:
    x = torch.tensor([1e-39, -1e-39, 1.0])
    flushed = reference(lambda x: 1 / x, x).flushed({"x": x})
    if flushed is None:
        pytest.skip("this processor does not flush")
    assert flushed["output_0"].tolist() == [float("inf"), float("-inf"), 1.0]
    assert (torch.tensor([1e-39]) * 0.5).item() != 0.0  # as it was before


def trials(function: Callable[..., Any], *args: torch.Tensor) -> list[Trial | LeftOut]:
    program = export(Source("of", Of(function), args))
    return list(draw_trials(program, Reference(program), 3, 0))


def test_integers_that_pytorch_refuses_stay_the_examples_and_that_is_reported() -> None:
    table = torch.arange(12.0)

    def narrowed(n: torch.Tensor) -> torch.Tensor:
        torch._check(n[0].item() == 5)
        return table[n]

    found = trials(narrowed, torch.tensor([5, 9]))
    assert [each.inputs["x"].tolist() for each in found if isinstance(each, Trial)] == [[5, 9]] * 5
    [left_out] = [each for each in found if isinstance(each, LeftOut)]
    assert left_out.values == "random"
    assert "other integers than the example's for x" in left_out.why


def test_values_that_pytorch_refuses_are_left_out_with_its_reason() -> None:
    def positive(x: torch.Tensor) -> torch.Tensor:
        if not torch.compiler.is_exporting() and not x.any():
            raise ValueError("all zero")
        return x * 2

    found = trials(positive, torch.ones(4))
    assert [(each.values, "ValueError: all zero" in each.why) for each in found if isinstance(each, LeftOut)] == [
        ("zeros", True)
    ]


def test_random_floats_that_pytorch_refuses_are_an_error() -> None:
    def never(x: torch.Tensor) -> torch.Tensor:
        if not torch.compiler.is_exporting():
            raise ValueError("not today")
        return x * 2

    with pytest.raises(SourceError, match="not today"):
        trials(never, torch.ones(4))
