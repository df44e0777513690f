"""What the compiler reads off an exported program: names, results, bounds."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from infc.compiler.doors import read_source
from infc.compiler.export import export
from infc.compiler.interface import flatten_result
from infc.compiler.source import Source
from infc.errors import SourceError
from infc.runtime.artifact import Method


def method(module: nn.Module, *args: object, **kwargs: object) -> Method:
    return export(Source("m", module.eval(), args, kwargs)).method


class Function(nn.Module):
    """A module around a function, so that each test shows its forward."""

    def __init__(self, function: Callable[..., object], **state: nn.Module) -> None:
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
        (lambda x, s: (x, (s, [x, s])), "mapping", ["output_0", "output_1_0", "output_1_1_0", "output_1_1_1"]),
        (lambda x, s: (x, {"a": s, "no": None}), "mapping", ["output_0", "output_1_a"]),
        (lambda x, s: {"h": (x, s), "y": x}, "mapping", ["h_0", "h_1", "y"]),
    ],
)
def test_results_keep_their_kind_and_names(result: Callable[..., object], returns: str, names: list[str]) -> None:
    found = method(Sum(result), torch.ones(2), scale=torch.ones(()))
    assert (found.returns, [spec.name for spec in found.outputs]) == (returns, names)


@pytest.mark.parametrize(
    "result", [lambda x, s: (x, None), lambda x, s: (x, 3), lambda x, s: None, lambda x, s: {"a": 1}]
)
def test_results_that_are_no_tensors_are_refused(result: Callable[..., object]) -> None:
    with pytest.raises(SourceError):
        method(Sum(result), torch.ones(2), scale=torch.ones(()))


def test_nested_results_are_found_again_by_name() -> None:
    x, s = torch.ones(2), torch.zeros(())
    found = method(Sum(lambda x, s: (x, {"a": s, "no": None}, [x + 1])), x, scale=s)
    flat = flatten_result((x, {"a": s, "no": None}, [x + 1]), found)
    assert {name: value.tolist() for name, value in flat.items()} == {
        "output_0": [1, 1],
        "output_1_a": 0,
        "output_2_0": [2, 2],
    }


def test_two_results_of_one_name_are_refused() -> None:
    with pytest.raises(SourceError, match="both be called 'a_0'"):
        method(Sum(lambda x, s: {"a_0": x, "a": (s,)}), torch.ones(2), scale=torch.ones(()))


class Three(nn.Module):
    def forward(self, a: torch.Tensor, b: object = None, c: torch.Tensor | None = None, *, d: object = None) -> object:
        return a * 1 + (b if isinstance(b, torch.Tensor) else 0) * 10 + (0 if c is None else c) * 100


class Rest(nn.Module):
    def forward(self, A: torch.Tensor, *rest: torch.Tensor, **named: torch.Tensor) -> object:
        return A + sum(rest) * 10 + sum(named.values()) * 100


class Nested(nn.Module):
    def forward(self, a: torch.Tensor, pair: list[torch.Tensor], b: torch.Tensor) -> object:
        return a + pair[0] * 10 + b * 100


A, B, C = torch.ones(1), torch.ones(2), torch.ones(3, 1)  # told apart by their shapes


@pytest.mark.parametrize(
    ("module", "args", "kwargs", "names", "positional"),
    [
        (Three(), (A, B, C), {}, "a b c", 3),
        (Three(), (A, B), {}, "a b", 2),
        (Three(), (), {"a": A, "b": B, "c": C}, "a b c", 3),
        (Three(), (), {"c": C, "b": B, "a": A}, "a b c", 3),
        (Three(), (A,), {"c": C, "b": B}, "a b c", 3),
        (Three(), (), {"a": A, "c": C}, "a c", 1),
        (Three(), (A,), {"c": C}, "a c", 1),
        (Three(), (A, None, C), {}, "a c", 1),
        (Three(), (A, "text", C), {}, "a c", 1),
        (Three(), (A, 3, C), {}, "a c", 1),
        (Three(), (A,), {"d": B, "b": B}, "a b d", 2),
        (Three(), (A, B, C), {"d": B}, "a b c d", 3),
        (Rest(), (A,), {}, "A", 1),
        (Rest(), (A, B, C), {"y": B, "x": A}, "A rest_0 rest_1 y x", 3),
        (Rest(), (), {"y": B, "A": A}, "A y", 1),
        (Nested(), (A, [B], C), {}, "a pair_0 b", 1),
    ],
)
def test_inputs_have_a_position_up_to_the_first_parameter_that_is_no_input(
    module: nn.Module, args: tuple[object, ...], kwargs: dict[str, torch.Tensor], names: str, positional: int
) -> None:
    found = method(module, *args, **kwargs)
    assert ([spec.name for spec in found.inputs], found.positional) == (names.split(), positional)
    if isinstance(module, Three):
        shapes = {"a": (1,), "b": (2,), "c": (3, 1), "d": (2,)}
        assert all(spec.shape == shapes[spec.name] for spec in found.inputs)


@pytest.mark.parametrize(
    ("args", "kwargs", "names", "positional"),
    [
        ((A, B, C), {}, "a b c", 3),
        ((A, None, C), {}, "a c", 1),
        ((A,), {"b": B}, "a b", 1),
        ((), {"c": C, "a": A}, "c a", 0),
    ],
)
def test_of_a_saved_program_the_positional_arguments_have_a_position(
    tmp_path: Path, args: tuple[object, ...], kwargs: dict[str, torch.Tensor], names: str, positional: int
) -> None:
    torch.export.save(torch.export.export(Three(), args, kwargs), tmp_path / "m.pt2")
    found = export(read_source(str(tmp_path / "m.pt2"))).method
    assert ([spec.name for spec in found.inputs], found.positional) == (names.split(), positional)


class Builtin(nn.Module):
    forward = torch.relu


def test_a_forward_without_a_signature_does_not_export() -> None:
    with pytest.raises(SourceError, match="does not export"):
        method(Builtin(), torch.ones(2))


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


class Named(Function):
    def forward(self, X2: torch.Tensor, pair: list[torch.Tensor], *, é: torch.Tensor) -> object:
        return self.function(X2, pair, é)


def test_names_are_those_of_forward_also_where_export_changes_them() -> None:
    one = torch.ones(2)
    found = method(Named(lambda a, b, c: a + b[0] + b[1] + c), one, [one, one], é=one)
    assert [spec.name for spec in found.inputs] == ["X2", "pair_0", "pair_1", "é"]


def test_example_inputs_of_another_program_are_refused() -> None:
    module = Sum(lambda x, s: x * s).eval()
    exported = torch.export.export(module, (torch.ones(2),), {"scale": torch.ones(())})
    source = Source("m", module, (torch.ones(2), torch.ones(2)), {"scale": torch.ones(())}, exported)
    with pytest.raises(SourceError, match="takes 2 tensors, its example inputs hold 3"):
        export(source)
