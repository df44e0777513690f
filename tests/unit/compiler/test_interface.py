"""What the compiler reads off an exported program: names, results, bounds."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import torch.utils._pytree as pytree
from torch import nn
from transformers.modeling_outputs import BaseModelOutput

from infc.compiler.doors import read_source
from infc.compiler.frontend.export import export
from infc.compiler.frontend.interface import flatten_result
from infc.compiler.frontend.source import Source
from infc.errors import SourceError
from infc.runtime.artifact import Method
from infc.runtime.artifact import signature as sig


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
    assert found.takes == (
        sig.Parameter("input", "either", True, sig.Tensor("input")),
        sig.Parameter("scale", "keyword", True, sig.Tensor("scale")),
    )
    assert (found.returns, [spec.name for spec in found.outputs]) == (sig.Tensor("output_0"), ["output_0"])


class Point(NamedTuple):
    x: object
    y: object


@dataclass
class Output:
    logits: torch.Tensor
    nothing: torch.Tensor | None = None


T, NONE = sig.Tensor, sig.Nothing()


@pytest.mark.parametrize(
    ("result", "returns"),
    [
        (lambda x, s: (x, s), sig.Tuple((T("output_0"), T("output_1")))),
        (lambda x, s: [x], sig.List((T("output_0"),))),
        (lambda x, s: (x, None), sig.Tuple((T("output_0"), NONE))),
        (lambda x, s: (x, 3, "text"), sig.Tuple((T("output_0"), sig.Fixed(3), sig.Fixed("text")))),
        (lambda x, s: {"b": x, "a": s}, sig.Mapping(("b", "a"), (T("b"), T("a")))),
        (lambda x, s: {"x": x, "no": None, 3: s}, sig.Mapping(("x", "no", 3), (T("x"), NONE, T("3")))),
        (
            lambda x, s: (x, (s, [x, s])),
            sig.Tuple((T("output_0"), sig.Tuple((T("output_1_0"), sig.List((T("output_1_1_0"), T("output_1_1_1"))))))),
        ),
        (lambda x, s: (x, {"a": s}), sig.Tuple((T("output_0"), sig.Mapping(("a",), (T("output_1_a"),))))),
        (lambda x, s: {"h": (x, s)}, sig.Mapping(("h",), (sig.Tuple((T("h_0"), T("h_1"))),))),
        (lambda x, s: Point(x, s), sig.NamedTuple("Point", ("x", "y"), (T("x"), T("y")))),
        (
            lambda x, s: [Point(x, s)],
            sig.List((sig.NamedTuple("Point", ("x", "y"), (T("output_0_x"), T("output_0_y"))),)),
        ),
        (lambda x, s: Output(x), sig.Record("Output", ("logits", "nothing"), (T("logits"), NONE))),
        (
            lambda x, s: {"o": Output(x, s)},
            sig.Mapping(("o",), (sig.Record("Output", ("logits", "nothing"), (T("o_logits"), T("o_nothing"))),)),
        ),
        (lambda x, s: torch.max(x, 0), sig.NamedTuple("max", ("values", "indices"), (T("values"), T("indices")))),
        (
            lambda x, s: BaseModelOutput(last_hidden_state=x),
            sig.Record(
                "BaseModelOutput",
                ("last_hidden_state", "hidden_states", "attentions"),
                (T("last_hidden_state"), NONE, NONE),
            ),
        ),
    ],
)
def test_results_keep_their_structure_and_tensors_are_named_after_their_place(
    result: Callable[..., object], returns: sig.Tree
) -> None:
    found = method(Sum(result), torch.ones(2), scale=torch.ones(()))
    assert found.returns == returns
    assert [spec.name for spec in found.outputs] == list(sig.tensors(returns))


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (lambda x, s: None, "returns no tensor"),
        (lambda x, s: {"a": 1}, "returns no tensor"),
        (lambda x, s: {True: x}, "a mapping with the key True"),
        (lambda x, s: deep(x, 33), "more than 32 levels"),
    ],
)
def test_results_that_cannot_be_sent_are_refused(result: Callable[..., object], said: str) -> None:
    with pytest.raises(SourceError, match=said):
        method(Sum(result), torch.ones(2), scale=torch.ones(()))


def deep(x: object, levels: int) -> object:
    for _ in range(levels):
        x = [x]
    return x


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
    def forward(self, a: torch.Tensor, pair: Any, b: torch.Tensor) -> object:
        (first, *_) = pytree.tree_leaves(pair)
        return a + first * 10 + b * 100


A, B, C = torch.ones(1), torch.ones(2), torch.ones(3, 1)  # told apart by their shapes


def shown(found: Method) -> str:
    """`a, b=None | c!=3`: the names, what is no tensor, `!` where it is required; `/` and `*` as in Python."""
    words: list[str] = []
    for before, each in zip([None, *found.takes], found.takes, strict=False):
        if before is not None and before.kind != each.kind:
            words.append("/" if before.kind == "positional" else "")
        words += ["*"] if each.kind == "keyword" and (before is None or before.kind != "keyword") else []
        held = list(sig.tensors(each.tree))
        match each.tree:
            case sig.Tensor():
                words.append(each.name)
            case sig.Nothing() | sig.Absent():
                words.append(f"{each.name}={'…' if isinstance(each.tree, sig.Absent) else None}")
            case sig.Fixed():
                words.append(f"{each.name}{'!' * each.required}={each.tree.value}")
            case _:
                words.append(f"{each.name}({' '.join(held)})")
    return " ".join(word for word in words if word)


@pytest.mark.parametrize(
    ("module", "args", "kwargs", "takes"),
    [
        (Three(), (A, B, C), {}, "a b c * d=None"),
        (Three(), (A, B), {}, "a b c=None * d=None"),
        (Three(), (), {"c": C, "b": B, "a": A}, "a b c * d=None"),
        (Three(), (A,), {"c": C, "b": B}, "a b c * d=None"),
        (Three(), (), {"a": A, "c": C}, "a b=None c * d=None"),
        (Three(), (A, "text", C), {}, "a b!=text c * d=None"),
        (Three(), (A, 3, C), {}, "a b!=3 c * d=None"),
        (Three(), (A, None, C), {}, "a b=None c * d=None"),
        (Three(), (A,), {"d": B, "b": B}, "a b c=None * d"),
        (Rest(), (A,), {}, "A"),
        (Rest(), (A, B, C), {"y": B, "x": A}, "A rest_0 rest_1 / * y x"),
        (Rest(), (), {"y": B, "A": A}, "A * y"),
        (Nested(), (A, [B], C), {}, "a pair(pair_0) b"),
        (Nested(), (A, {"k": B, 0: (C, None)}, C), {}, "a pair(pair_k pair_0_0) b"),
        (Nested(), (A, [Point(A, Output(B))], C), {}, "a pair(pair_0_x pair_0_y_logits) b"),
    ],
)
def test_arguments_are_those_of_forward_and_keep_their_structure(
    module: nn.Module, args: tuple[object, ...], kwargs: dict[str, torch.Tensor], takes: str
) -> None:
    found = method(module, *args, **kwargs)
    assert shown(found) == takes
    assert [spec.name for spec in found.inputs] == [name for each in found.takes for name in sig.tensors(each.tree)]
    if isinstance(module, Three):
        shapes = {"a": (1,), "b": (2,), "c": (3, 1), "d": (2,)}
        assert all(spec.shape == shapes[spec.name] for spec in found.inputs)


@pytest.mark.parametrize(
    ("args", "kwargs", "takes"),
    [
        ((A, B, C), {}, "a b c"),
        ((A, None, C), {}, "a b=None c"),
        ((A, 3), {}, "a b!=3"),
        ((A,), {"b": B}, "a * b"),
        ((), {"c": C, "a": A}, "* c a"),
    ],
)
def test_a_saved_program_knows_the_arguments_of_its_example(
    tmp_path: Path, args: tuple[object, ...], kwargs: dict[str, torch.Tensor], takes: str
) -> None:
    torch.export.save(torch.export.export(Three(), args, kwargs), tmp_path / "m.pt2")
    assert shown(export(read_source(str(tmp_path / "m.pt2"))).method) == takes


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
