"""The interface of an ONNX graph, and example inputs for it."""

from collections.abc import Mapping
from typing import Any

import onnx
import torch

from infc.errors import SourceError

from ...runtime.artifact import Method, TensorSpec
from ...runtime.artifact import signature as sig
from ..frontend.dtypes import TORCH_DTYPES
from ..frontend.source import METHOD
from .onnx_tensors import to_tensor

# An index keeps its value through these, so that a bound on what comes out is one on what goes in.
_VALUE_PRESERVING = {"Cast", "Expand", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"}


def method_of(model: Any) -> tuple[Method, tuple[torch.Tensor, ...]]:
    """The method that the graph implements, and one example of each input: normal floats, small integers.

    Raises:
        SourceError: an input or output is no tensor, has an open dim, or a dtype that infc has no name for.
    """
    graph = model.graph
    weights = {each.name: each for each in graph.initializer}
    inputs: list[TensorSpec] = []
    examples: list[torch.Tensor] = []
    generator = torch.Generator().manual_seed(0)
    for each in graph.input:
        if each.name in weights:  # old exporters list their weights as inputs too
            continue
        dtype, shape = _type(f"input {each.name!r}", each)
        bound = None if dtype.is_floating_point or dtype == torch.bool else _index_bound(graph, weights, each.name)
        limits = {} if bound is None else {"low": 0, "high": bound}
        inputs.append(TensorSpec(name=each.name, dtype=TORCH_DTYPES[dtype], shape=shape, **limits))
        examples.append(
            torch.randn(shape, generator=generator).to(dtype)
            if dtype.is_floating_point
            else torch.randint(0, 2, shape, generator=generator).to(dtype)
        )
    outputs: list[TensorSpec] = []
    for each in graph.output:
        dtype, shape = _type(f"output {each.name!r}", each)
        outputs.append(TensorSpec(name=each.name, dtype=TORCH_DTYPES[dtype], shape=shape))
    if not outputs:
        raise SourceError("the model has no output", hint="name what the graph is to compute among its outputs")
    method = Method(
        name=METHOD,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        takes=tuple(sig.Parameter(each.name, "either", True, sig.Tensor(each.name)) for each in inputs),
        returns=sig.Record(
            "Outputs", tuple(each.name for each in outputs), tuple(sig.Tensor(each.name) for each in outputs)
        ),
    )
    return method, tuple(examples)


def _type(what: str, value: Any) -> tuple[torch.dtype, tuple[int, ...]]:
    if value.type.WhichOneof("value") != "tensor_type":
        raise SourceError(f"{what} is no tensor", hint="only tensors are compiled")
    kind = value.type.tensor_type
    dims: list[Any] = [dim.dim_value if dim.HasField("dim_value") else dim.dim_param or "?" for dim in kind.shape.dim]
    if not kind.HasField("shape") or not all(isinstance(dim, int) for dim in dims):
        raise SourceError(
            f"{what} has a dynamic shape {[*map(str, dims)]}",
            hint=f"say it: --input {value.name}=1x64xf32, with the model's own dims and dtype; or let it vary: "
            f"--dynamic {value.name}:0=batch[1..64]"
            if what.startswith("input")
            else "it depends on an input's shape or values: only static shapes are compiled",
        )
    try:
        dtype = to_tensor(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).type(0)).dtype
    except (KeyError, TypeError):
        dtype = None
    if dtype not in TORCH_DTYPES:
        name = onnx.TensorProto.DataType.Name(kind.elem_type)
        known = ", ".join(TORCH_DTYPES.values())
        raise SourceError(f"{what} has dtype {name}, which infc does not carry", hint=f"it carries {known}")
    return dtype, tuple(dims)


def _index_bound(graph: Any, weights: Mapping[str, Any], name: str) -> int | None:
    """The largest value of an integer input that every table it indexes has a row for."""
    rows: list[int] = []
    pending, seen = [name], set[str]()
    while pending:
        current = pending.pop()
        seen.add(current)
        for node in graph.node:
            if node.op_type == "Gather" and node.input[1] == current and node.input[0] in weights:
                axis = next((each.i for each in node.attribute if each.name == "axis"), 0)
                rows.append(weights[node.input[0]].dims[axis])
            elif node.op_type in _VALUE_PRESERVING and node.input[0] == current:
                pending += [each for each in node.output if each not in seen]
    return min(rows) - 1 if rows else None
