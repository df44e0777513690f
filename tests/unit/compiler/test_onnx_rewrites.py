"""What nodes of ONNX are put in terms of gives ONNX Runtime's numbers."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from infc.compiler.doors.onnx_rewrites import rewrite

X = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)


def model(*nodes: Any, **numbers: list[int]) -> Any:
    kind = TensorProto.FLOAT
    shapes = [helper.make_tensor_value_info(name, kind, ["a", "b"]) for name in ("x", "y")]
    tensors = [numpy_helper.from_array(np.array(value, np.int64), name) for name, value in numbers.items()]
    made = helper.make_graph(list(nodes), "test", shapes[:1], shapes[1:], tensors)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def run(made: Any) -> np.ndarray:
    onnx.checker.check_model(made)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": X})[0])


def operators(made: Any) -> set[str]:
    return {node.op_type for node in made.graph.node}


def test_gelu_by_its_tanh_form() -> None:
    made = model(helper.make_node("Gelu", ["x"], ["y"], approximate="tanh"))
    expected = run(made)
    rewrite(made)
    assert "Gelu" not in operators(made)
    np.testing.assert_allclose(run(made), expected, rtol=1e-5, atol=1e-6)


def test_gelu_by_its_other_form_stays() -> None:
    made = model(helper.make_node("Gelu", ["x"], ["y"]))
    rewrite(made)
    assert operators(made) == {"Gelu"}


@pytest.mark.parametrize(
    ("inputs", "numbers"),
    [
        (["x", "pads"], {"pads": [2, -1, -1, 0]}),
        (["x", "pads"], {"pads": [-1, -2, -1, -3]}),
        (["x", "pads", "", "axes"], {"pads": [-2, 3], "axes": [1]}),
        (["x", "pads", "", "axes"], {"pads": [-2, 3], "axes": [-2]}),
    ],
)
def test_a_negative_pad_is_a_cut(inputs: list[str], numbers: dict[str, list[int]]) -> None:
    made = model(helper.make_node("Pad", inputs, ["y"]), **numbers)
    expected = run(made)
    rewrite(made)
    assert operators(made) == {"Constant", "Slice", "Pad"}
    np.testing.assert_array_equal(run(made), expected)


def test_a_pad_that_only_adds_stays() -> None:
    made = model(helper.make_node("Pad", ["x", "pads"], ["y"]), pads=[1, 0, 0, 2])
    rewrite(made)
    assert operators(made) == {"Pad"}
