"""The dims of an ONNX graph: fixed to sizes, or left to vary under a name."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
import onnx

from infc.errors import SourceError, UsageError

from ...runtime.artifact import UNKNOWN, Dim, Method, TensorSpec
from ...runtime.shapes import sized
from ..dynamic.request import Axes
from ..frontend.source import OnnxGraph
from .onnx_interface import method_of
from .reasons import one_line

_PROBES = 3  # calls of which the outputs' shapes are compared
_LEAST_OPSET = 7  # that onnxruntime's shape inference knows


def inputs_of(model: Any) -> dict[str, Any]:
    """The type of each input that is no weight, by name."""
    inner = {each.name for each in model.graph.initializer}
    return {each.name: each.type.tensor_type for each in model.graph.input if each.name not in inner}


def spread(model: Any, axes: Axes) -> dict[str, dict[int, Dim]]:
    """`axes`, and those of other inputs that the file calls by the same symbol as one of them."""
    symbols = {
        dims[axis].dim_param: dim
        for name, own in axes.items()
        for dims in [_dims(model, name)]
        for axis, dim in own.items()
        if axis < len(dims) and dims[axis].dim_param
    }
    found = {name: dict(own) for name, own in axes.items()}
    for name in inputs_of(model):
        for axis, dim in enumerate(_dims(model, name)):
            if dim.dim_param in symbols:
                found.setdefault(name, {}).setdefault(axis, symbols[dim.dim_param])
    return found


def fixed(model: Any, shapes: Mapping[str, tuple[int, ...]]) -> Any:
    """A copy whose inputs have these shapes, with the shape of everything in it. Raises what onnx raises."""
    return _inferred(_reshaped(model, shapes))


def at(graph: OnnxGraph, sizes: Mapping[str, int]) -> OnnxGraph:
    """The graph with fixed shapes, those that it has when its dims have these sizes.

    Raises:
        SourceError: it cannot have them.
    """
    model = _possible(_reshaped(graph.raw, {spec.name: sized(spec, sizes) for spec in graph.method.inputs}))
    method, _ = method_of(model)
    return replace(graph, model=model, method=msgspec.structs.replace(method, name=graph.method.name))


def with_dims(graph: OnnxGraph, asked: Method) -> OnnxGraph:
    """The graph whose dims vary as those of `asked` do, a method of the same inputs.

    What size an output has is read off a few calls: that of a dim, always the same one, or known only afterwards.

    Raises:
        UsageError: the file fixes one of the dims.
        SourceError: the graph cannot have one of the sizes.
    """
    for spec in asked.inputs:
        for axis, (dim, size) in enumerate(zip(_dims(graph.raw, spec.name), spec.shape, strict=True)):
            if isinstance(size, str) and dim.HasField("dim_value"):
                raise UsageError(
                    f"--dynamic {spec.name}:{axis}={size}: the file fixes that dim to {dim.dim_value}",
                    hint="export it with dynamic axes, or leave it out of --dynamic",
                )
    probes = [_probe(asked, number) for number in range(_PROBES)]
    found = [at(replace(graph, method=asked), sizes).method.outputs for sizes in probes]
    outputs = tuple(
        msgspec.structs.replace(specs[0], shape=_named([spec.shape for spec in specs], probes))
        for specs in zip(*found, strict=True)
    )
    shapes: dict[str, tuple[int | str, ...]] = {spec.name: spec.shape for spec in asked.inputs}
    model = _possible(_reshaped(graph.raw, shapes))
    return replace(graph, model=model, method=msgspec.structs.replace(asked, outputs=outputs))


def _dims(model: Any, name: str) -> list[Any]:
    found = inputs_of(model).get(name)
    return list(found.shape.dim) if found is not None else []


def _probe(method: Method, number: int) -> dict[str, int]:
    """Sizes of the dims in call `number`: its ends and between, in another order for each."""
    return {
        dim.name: (dim.low, (dim.low + dim.high) // 2, dim.high)[(number + place) % _PROBES]
        for place, dim in enumerate(method.dims)
    }


def _named(shapes: list[TensorSpec | Any], probes: list[dict[str, int]]) -> tuple[int | str, ...]:
    found: list[int | str] = []
    for sizes in zip(*shapes, strict=True):
        names = [name for name in probes[0] if all(own[name] == size for own, size in zip(probes, sizes, strict=True))]
        found.append(sizes[0] if len(set(sizes)) == 1 else names[0] if names else UNKNOWN)
    return tuple(found)


def _reshaped(model: Any, shapes: Mapping[str, tuple[int | str, ...]]) -> Any:
    made = onnx.ModelProto()
    made.CopyFrom(model)
    for name, shape in shapes.items():
        for dim, size in zip(_dims(made, name), shape, strict=True):
            if isinstance(size, str):
                dim.dim_param = size
            else:
                dim.dim_value = size
    if shapes:  # what was inferred with open dims is inferred again
        del made.graph.value_info[:]
        for each in made.graph.output:
            each.type.tensor_type.ClearField("shape")
    return made


def _inferred(model: Any) -> Any:
    found = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    return (_computed(model) or found) if _has_unknown(found) else found


def _possible(model: Any) -> Any:
    try:
        return _inferred(model)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError, RuntimeError) as error:
        raise SourceError(
            f"the graph cannot have these shapes: {one_line(error)}",
            hint="are its dims as large as it was exported for?",
        ) from error


def _has_unknown(model: Any) -> bool:
    """Whether a size is known by no name that an input has."""
    known = {dim.dim_param for each in inputs_of(model).values() for dim in each.shape.dim} - {""}
    kinds = [each.type.tensor_type for each in (*model.graph.value_info, *model.graph.output)]
    sizes = [dim for kind in kinds for dim in kind.shape.dim]
    return any(not (dim.HasField("dim_value") or dim.dim_param in known) for dim in sizes)


def _computed(model: Any) -> Any:
    """The model with the sizes that its own nodes compute (Shape, Gather, Concat), as exporters write them; or None."""
    from onnxruntime.tools import symbolic_shape_infer as tool  # imports sympy

    if (tool.get_opset(model) or 0) < _LEAST_OPSET:
        return None
    inference = tool.SymbolicShapeInference(2**31 - 1, auto_merge=False, guess_output_rank=False, verbose=0)
    level = tool.logger.level
    tool.logger.setLevel(logging.CRITICAL)  # what it does not know is no news for the user
    try:
        return _through(inference, model)
    except Exception:  # noqa: BLE001 (it knows fewer operators than ONNX has, and raises Exception itself)
        return None
    finally:
        tool.logger.setLevel(level)


def _through(inference: Any, model: Any) -> Any:
    """What its `infer_shapes` gives. That one leaves the model in the working directory where sizes stay unknown."""
    complete = False
    inference._preprocess(model)
    while inference.run_:
        complete = inference._infer_impl()
    inference._update_output_from_vi()
    return inference.out_mp_ if complete else None
