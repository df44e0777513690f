"""What the compiler reads off an exported program: names, results, bounds."""

import pytest
import torch
from torch import nn

from infc.compiler.export import export
from infc.compiler.source import Source
from infc.errors import SourceError
from infc.runtime.artifact import Method


def method(module: nn.Module, *args: object, **kwargs: object) -> Method:
    return export(Source("m", module.eval(), args, kwargs)).method


class Function(nn.Module):
    """A module around a function, so that each test shows its forward."""

    def __init__(self, function: object, **state: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, module in state.items():
            self.add_module(name, module)


class Sum(Function):
    def forward(self, input: torch.Tensor, *, scale: torch.Tensor) -> object:
        return self.function(input, scale)


def test_positional_and_keyword_inputs_have_the_names_of_forward() -> None:
    found = method(Sum(lambda x, s: x * s), torch.ones(2), scale=torch.ones(()))
    assert [(spec.name, spec.shape) for spec in found.inputs] == [("input", (2,)), ("scale", ())]
    assert (found.returns, [spec.name for spec in found.outputs]) == ("tensor", ["output_0"])


@pytest.mark.parametrize(
    ("result", "returns", "names"),
    [
        (lambda x, s: (x, s), "tuple", ["output_0", "output_1"]),
        (lambda x, s: [x], "tuple", ["output_0"]),
        (lambda x, s: {"b": x, "a": s}, "mapping", ["b", "a"]),
        (lambda x, s: {"x": x, "none": None, "s": s}, "mapping", ["x", "s"]),
    ],
)
def test_results_keep_their_kind_and_names(result: object, returns: str, names: list[str]) -> None:
    found = method(Sum(result), torch.ones(2), scale=torch.ones(()))
    assert (found.returns, [spec.name for spec in found.outputs]) == (returns, names)


@pytest.mark.parametrize(
    "result", [lambda x, s: (x, None), lambda x, s: (x, 3), lambda x, s: None, lambda x, s: {"a": 1}]
)
def test_results_that_are_no_tensors_are_refused(result: object) -> None:
    with pytest.raises(SourceError):
        method(Sum(result), torch.ones(2), scale=torch.ones(()))


class Lookup(Function):
    def forward(self, ids: torch.Tensor) -> object:
        return self.function(self, ids)


IDS = torch.zeros(2, 3, dtype=torch.int64)


def test_an_index_is_bounded_by_the_smallest_table_it_reaches() -> None:
    module = Lookup(
        lambda m, i: m.a(i) + m.b(i.reshape(3, 2)).reshape(2, 3, 4), a=nn.Embedding(9, 4), b=nn.Embedding(5, 4)
    )
    (ids,) = method(module, IDS).inputs
    assert (ids.low, ids.high) == (0, 4)


def test_an_index_that_is_computed_with_first_has_no_bound() -> None:
    (ids,) = method(Lookup(lambda m, i: m.a(i // 2), a=nn.Embedding(9, 4)), IDS).inputs
    assert (ids.low, ids.high) == (None, None)


def test_a_dtype_without_a_name_is_refused() -> None:
    with pytest.raises(SourceError, match="complex64"):
        method(Lookup(lambda m, i: torch.complex(i.float(), i.float())), IDS)
