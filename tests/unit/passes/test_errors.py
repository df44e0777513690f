"""Errors of passes and of what they read that no lit test sees: options, transforms, layouts, graphs."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from torch_mlir import ir

from infc.dialects.layout import parse_layout
from infc.dialects.plain import from_attribute, to_attribute
from infc.dialects.transforms import BatchNormScale, parse_transform
from infc.errors import CompileError
from infc.passes import pipeline
from infc.passes.partitioning import parse_split
from infc.passes.partitioning.graph import Graph, Node, Value
from infc.passes.partitioning.split import split_by_name
from infc.passes.running import opt, worker
from infc.passes.running.expectations import expectations
from infc.passes.running.runner import make_context
from infc.passes.walk import operations
from infc.passes.weights.derive import derive


@pytest.mark.parametrize(
    ("transform", "shape", "element", "message"),
    [
        ("permute[0,0]", (2, 3), "f32", "does not permute the 2 dimensions of 2x3"),
        ("reshape[5]", (2, 3), "f32", "does not hold the elements of 2x3"),
        ("cast[i8]", (2, 3), "f32", ": casts are between floating point types, to f16"),
        ("cast[f16]", (2, 3), "i64", ": casts are between floating point types, to f16"),
        ("bn_scale[2,1e-05,g,v]", (2, 3), "f32", "2x3 has no axis 2"),
        ("flip[0,0]", (2, 3), "f32", "does not name axes of 2x3, each once"),
        ("flip[2]", (2, 3), "f32", "does not name axes of 2x3, each once"),
        ("phases[2]", (2, 3), "f32", "cuts a kernel [..., F, C, window...], not 2x3"),
        ("phases[0]", (2, 3, 4), "f32", "cuts a kernel [..., F, C, window...], not 2x3x4"),
        ("concat[0,2,v]", (2, 3), "f32", "puts nothing behind 2x3 along axis 0"),
        ("bn_shift[1e-05,g,m,v,-]", (2, 3), "f32", "is for a vector, not for 2x3"),
        ("quantize[q,3,2,sym]", (2, 4), "f32", ": expected quantize[q|scale|zero,4|8,GROUP,sym|asym]"),
        ("quantize[q,8,3,sym]", (2, 4), "f32", "rows of 2x4 do not fall into groups of 3"),
        ("quantize[q,8,2,sym]", (2, 4), "i64", ": only floating point weights are quantized, not i64"),
    ],
)
def test_a_transform_that_cannot_be_done(transform: str, shape: tuple[int, ...], element: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_transform(transform).apply(shape, element)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: parse_layout("mmt4d[0,1]"), ": expected row_major or mmt4d[N0,K0]"),
        (lambda: parse_split("a:x;b"), "is no rule, expected MODULE:PLACEMENT"),
        (lambda: parse_split("a:x"), "the last rule must say where the rest goes, like *:cpu0"),
        (
            lambda: Graph((Node("a"), Node("b")), (Value(producer=1, users=(0,), size=4),)),
            "node 1 cannot hand a value to node 0: no topological order",
        ),
        (
            lambda: split_by_name(
                Graph((Node("n", weights=("a.w",), module="a"),), weights={"a.w": 4}), parse_split("a:x;a:y;*:z")
            ),
            "has no operation of its own: rules before it take all of them, or it has only weights that several "
            "operations read, and nothing else tells it apart",
        ),
        (lambda: expectations("// expected-error {text}"), "write // expected-error@+1 {{text}}, got"),
    ],
    ids=["layout", "rule", "rest", "order", "shadowed", "expectation"],
)
def test_a_text_or_a_graph_that_is_none(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        make()
    assert message in str(caught.value)


def test_what_is_no_plain_value() -> None:
    with make_context():
        with pytest.raises(ValueError, match="does not fit into an attribute"):
            to_attribute(2**63)
        with pytest.raises(ValueError, match="is no text, number, truth value or list of them"):
            from_attribute(ir.Attribute.parse("i32"))


@pytest.mark.parametrize(
    ("passes", "text", "message"),
    [
        ("infer-pack-weights{by-layout=2}", "", ": option by-layout is 2, expected 0 or 1"),
        ("infer-limit-bindings{limit=1}", "", ", expected 2 or more"),
        ("infer-pack-weights{m0=1", "", "a parenthesis or brace is not closed"),
        (
            "infer-verify-contract",
            "func.func @f(%a: !torch.int) -> !torch.int { %0 = torch.aten.add.int %a, %a : !torch.int, !torch.int -> "
            "!torch.int return %0 : !torch.int }",
            "contract 1: torch.aten.add.int was not lowered",
        ),
        (
            "infer-partition{stages=2}",
            "func.func @f() { cf.br ^a\n^a: return }",
            "@f branches, only one block can be cut",
        ),
        (
            "infer-partition{split=*:cpu0 stages=2}",
            "func.func @f(%a: f32) -> f32 { %0 = arith.addf %a, %a : f32 return %0 : f32 }",
            "split says all of it, without stages, memory, placements",
        ),
        ("infer-partition{stages=2 stages=3}", "", "option stages is given twice"),
    ],
)
def test_a_pipeline_that_cannot_run(passes: str, text: str, message: str) -> None:
    with make_context():
        module = ir.Module.parse(text)
        with pytest.raises(CompileError) as caught:
            pipeline.run(module.operation, passes)
    assert message in caught.value.message


def test_a_transform_whose_other_weight_nobody_named() -> None:
    with make_context():
        module = ir.Module.parse(
            '"infer.weight"() {key = "w", digest = "d", layout = "row_major", logical = tensor<4xf32>} '
            ": () -> tensor<4xf32>"
        )
        (weight,) = operations(module.operation, "infer.weight")
        with weight.location, pytest.raises(CompileError, match="reads weight 'gamma', whose digest is not known"):
            derive(weight, BatchNormScale(0, 1e-5, "gamma", "var"))


def test_what_the_driver_sends_to_the_worker_does_not_parse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("this is no module"))
    assert worker.main(tmp_path / "report", ["canonicalize"]) == 1
    assert "what the last stage wrote does not parse: " in (tmp_path / "report").read_text()


def test_text_that_would_end_mlirs_parser_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.mlir"
    path.write_text('"a.b"() ({' * 400 + "}) : () -> ()" * 400)
    opt.command([str(path), "-o", str(tmp_path / "out")], standalone_mode=False)
    path.write_text('"a.b"() ({' * 4000 + "}) : () -> ()" * 4000)
    with pytest.raises(CompileError, match="brackets are nested 8000 deep, at most 1000 are read"):
        opt.command([str(path)], standalone_mode=False)
