"""ONNX graphs: the interface, and files that are damaged, hostile or not static."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from infc.compiler.build import Job, lower
from infc.compiler.doors import Request, onnx_dims, parse_inputs, read_source
from infc.compiler.dynamic import parse_dynamic
from infc.compiler.frontend.export import Program, at_sizes, export
from infc.compiler.frontend.importer import import_program
from infc.compiler.frontend.source import Source
from infc.compiler.slab.weights import WeightTable
from infc.compiler.toolchain.children import Children
from infc.compiler.toolchain.tools import Tools
from infc.errors import CompileError, SourceError, UsageError

TABLE = np.arange(28, dtype=np.float32).reshape(7, 4)


def graph(
    *nodes: Any, x: Any = ("x", TensorProto.INT64, [2, 3]), y: Any = ("y", TensorProto.FLOAT, ["a", "b", "c"])
) -> Any:
    """A model of `nodes` from x to y with an embedding table; opset 17."""
    nodes = nodes or (helper.make_node("Gather", ["table", "x"], ["y"], name="lookup"),)
    made = helper.make_graph(
        list(nodes),
        "test",
        [helper.make_tensor_value_info(*x)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["a", "b", "c"])],
        [numpy_helper.from_array(TABLE, "table")],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def read(path: Path, model: Any = None, *inputs: str) -> Source:
    if model is not None:
        onnx.save(model, path)
    return read_source(str(path), Request(inputs=parse_inputs(inputs)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.onnx"


def test_the_interface_is_the_graphs_and_an_index_is_bounded_by_its_table(path: Path) -> None:
    source = read(path, graph())
    assert source.onnx is not None
    (given,), (result,) = source.onnx.method.inputs, source.onnx.method.outputs
    assert (given.name, given.dtype, given.shape, given.low, given.high) == ("x", "i64", (2, 3), 0, 6)
    assert (result.name, result.dtype, result.shape) == ("y", "f32", (2, 3, 4))
    ids = torch.tensor([[0, 1, 2], [6, 5, 4]])
    assert torch.equal(source.module(ids)["y"], torch.from_numpy(TABLE)[ids])


def test_an_open_dim_is_refused_and_can_be_said(path: Path) -> None:
    model = graph(x=("x", TensorProto.INT64, ["batch", 3]))
    with pytest.raises(SourceError, match=r"input 'x' has a dynamic shape \['batch', '3'\]") as caught:
        read(path, model)
    assert "--input x=" in caught.value.hint
    source = read(path, model, "x=2x3xi64")
    assert source.onnx is not None
    assert source.onnx.method.outputs[0].shape == (2, 3, 4)


def dynamic(path: Path, model: Any, *texts: str) -> Program:
    onnx.save(model, path)
    axes = parse_dynamic(texts).axes
    return export(read_source(str(path), Request(axes=axes)), axes)


def reshaping() -> Any:
    """The table's rows for `x`, flattened by a shape that the graph computes, as exporters write it."""
    nodes = [
        helper.make_node("Gather", ["table", "x"], ["rows"]),
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "zero"], ["batch"]),
        helper.make_node("Unsqueeze", ["batch", "axis"], ["first"]),
        helper.make_node("Concat", ["first", "rest"], ["wanted"], axis=0),
        helper.make_node("Reshape", ["rows", "wanted"], ["y"]),
    ]
    model = graph(*nodes, x=("x", TensorProto.INT64, ["b", "s"]))
    for name, value in {"zero": 0, "axis": [0], "rest": [-1]}.items():
        model.graph.initializer.append(numpy_helper.from_array(np.array(value, np.int64), name))
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, ["b", "n"]))
    return model


def test_dims_vary_that_the_file_leaves_open(path: Path) -> None:
    method = dynamic(path, reshaping(), "x:0=batch[1..4],1=seq[2..9]").method
    assert [(dim.name, dim.low, dim.high) for dim in method.dims] == [("batch", 1, 4), ("seq", 2, 9)]
    assert method.inputs[0].shape == ("batch", "seq")
    assert method.outputs[0].shape == ("batch", "?")


def test_a_symbol_of_the_file_is_one_dim(path: Path) -> None:
    model = graph(helper.make_node("Gather", ["table", "x"], ["y"]), x=("x", TensorProto.INT64, ["b", 3]))
    model.graph.input.append(helper.make_tensor_value_info("z", TensorProto.INT64, [2, "b"]))
    method = dynamic(path, model, "x:0=batch[1..4]").method
    assert [spec.shape for spec in method.inputs] == [("batch", 3), (2, "batch")]
    assert method.outputs[0].shape == ("batch", 3, 4)
    assert at_sizes(dynamic(path, model, "x:0=batch[1..4]"), {"batch": 2}).method.inputs[1].shape == (2, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x:1=seq[1..4]", "the file fixes that dim to 3"),
        ("x:0=batch[1..4],2=more[1..4]", "the input has 2 dims"),
        ("x:1=seq[4..9]", "the example input has 3 there"),
        ("x:0=batch[1..2000000000]", "the largest call, batch=2000000000, takes"),
        ("x:0=batch[1000000000..2000000000]", "more than 268435456 elements"),
    ],
)
def test_dims_that_cannot_vary(path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        dynamic(path, graph(x=("x", TensorProto.INT64, [2 if "batch" not in text else "b", 3])), text)
    assert caught.value.hint


def test_sizes_that_stay_unknown_leave_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """onnxruntime's own `infer_shapes` writes the model into the working directory then."""
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("unique", "y")]
    nodes = [helper.make_node("Unique", ["x"], ["unique"]), helper.make_node("Mystery", ["x"], ["y"], domain="mine")]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", "n"])]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]
    model = helper.make_model(helper.make_graph(nodes, "g", inputs, outputs), opset_imports=opsets)
    monkeypatch.chdir(tmp_path)

    onnx_dims.fixed(model, {"x": (2, 2)})

    assert not list(tmp_path.iterdir())


def test_an_input_that_the_graph_has_not_is_refused(path: Path) -> None:
    with pytest.raises(SourceError, match="no input 'z' with 1 dims") as caught:
        read(path, graph(), "z=3xf32")
    assert "x (2 dims)" in caught.value.hint


def loop() -> Any:
    branch = helper.make_graph([helper.make_node("Identity", ["table"], ["b"])], "b", [],
                               [helper.make_tensor_value_info("b", TensorProto.FLOAT, [7, 4])])  # fmt: skip
    node = helper.make_node("If", ["x"], ["y"], name="choice", then_branch=branch, else_branch=branch)
    return graph(node, x=("x", TensorProto.BOOL, []))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: graph(helper.make_node("Magic", ["x"], ["y"])), "no valid ONNX model.*Magic"),
        (lambda: graph(helper.make_node("Fused", ["x"], ["y"], name="f", domain="own")), "Fused of the domain 'own'"),
        (loop, "'choice' is control flow"),
        (lambda: graph(helper.make_node("RandomNormal", [], ["y"], shape=[2])), "draws random numbers"),
        (lambda: graph(helper.make_node("Gather", ["table", "nothing"], ["y"])), "no valid ONNX model"),
        (lambda: graph(helper.make_node("Add", ["table", "x"], ["y"])), "no valid ONNX model"),
    ],
)
def test_a_graph_that_is_not_compiled_says_why(path: Path, model: Callable[[], Any], message: str) -> None:
    made = model()
    if "domain" in message:
        made.opset_import.append(helper.make_opsetid("own", 1))
    with pytest.raises(SourceError, match=message):
        read(path, made)


@pytest.mark.parametrize("contents", [b"", b"not a model", b"\x08\x08" * 100, b"\xff" * 64])
def test_a_file_that_is_no_model_is_a_source_error(path: Path, contents: bytes) -> None:
    path.write_bytes(contents)
    with pytest.raises(SourceError, match=r"no ONNX model|no valid ONNX model"):
        read(path)


def test_a_truncated_model_is_a_source_error(path: Path) -> None:
    path.write_bytes(graph().SerializeToString()[:-20])
    with pytest.raises(SourceError, match=r"no ONNX model|no valid ONNX model"):
        read(path)


def external(path: Path, location: str) -> None:
    onnx.save(graph(), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    path.write_bytes(path.read_bytes().replace(b"weights.bin", location.encode()))


def test_external_data_is_read(path: Path) -> None:
    external(path, "weights.bin")
    assert torch.equal(read(path).module(torch.zeros(2, 3, dtype=torch.int64))["y"][0, 0], torch.from_numpy(TABLE[0]))


def test_external_data_that_is_missing_is_a_source_error(path: Path) -> None:
    external(path, "weights.bin")
    path.with_name("weights.bin").unlink()
    with pytest.raises(SourceError, match="external data cannot be read"):
        read(path)


def test_external_data_outside_of_the_models_folder_is_not_read(path: Path) -> None:
    inner = path.parent / "inner"
    inner.mkdir()
    external(inner / "model.onnx", "../data.bin")  # as long as weights.bin, so that the message's lengths hold
    (inner / "weights.bin").rename(path.parent / "data.bin")
    with pytest.raises(SourceError, match="external data cannot be read"):
        read(inner / "model.onnx")


def test_an_operator_that_does_not_lower_is_a_compile_error(path: Path) -> None:
    regions = helper.make_tensor_value_info("r", TensorProto.FLOAT, [1, 5])
    model = graph(helper.make_node("MaxRoiPool", ["x", "r"], ["y"], pooled_shape=[2, 2]), x=("x", 1, [1, 1, 8, 8]))
    model.graph.input.append(regions)
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    for size in (1, 1, 2, 2):
        model.graph.output[0].type.tensor_type.shape.dim.add().dim_value = size
    program = export(read(path, model))
    with pytest.raises(CompileError, match="max_pool2d does not lower"), Children() as children:
        lower(Job(import_program(program, WeightTable())), Tools(children))
