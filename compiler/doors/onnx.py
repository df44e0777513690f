"""The door for `x.onnx`: a graph with static shapes, checked; ONNX Runtime is what results are compared with."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import onnx
import onnx.inliner
import onnx.numpy_helper
import onnx.version_converter
import onnxruntime
import torch
from google.protobuf.message import DecodeError, EncodeError

from infc.errors import SourceError, UsageError

from ..dynamic.request import Axes, a_size
from ..frontend.source import OnnxGraph, Source
from .onnx_dims import fixed, inputs_of, spread
from .onnx_interface import method_of
from .onnx_rewrites import rewrite
from .onnx_tensors import to_array, to_tensor
from .reasons import one_line
from .request import LARGEST, Shape

_OLDEST = 13  # of the opsets that torch-mlir has its patterns for; what is older is converted
_RANDOM = {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}


def read_onnx(path: Path, shapes: Mapping[str, Shape], axes: Axes) -> Source:
    """The graph in `path`; `shapes` fixes the dims of inputs that the file leaves open. Those that are to vary, `axes`,
    have one of their sizes in the example.

    Raises:
        SourceError: no such file; a file that is damaged, lacks its external data or is no valid model; control flow,
            random numbers or operators of another domain; a dim that is not known.
    """
    model = _loaded(path)
    try:
        raw = _normalized(model)
        model = fixed(raw, _example_shapes(raw, shapes, spread(raw, axes)))
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError, RuntimeError) as error:
        raise SourceError(
            f"{path} is no valid ONNX model: {one_line(error)}", hint="onnx.checker.check_model has to accept it"
        ) from error
    method, examples = method_of(model)
    return Source(path.stem, _reference(path), examples, onnx=OnnxGraph(model, method, raw if axes else None))


def _loaded(path: Path) -> Any:
    if not path.is_file():
        raise SourceError(f"{path}: no such file", hint="is the path right, seen from this directory?")
    try:
        return onnx.load(path)
    except DecodeError as error:
        raise SourceError(f"{path} is no ONNX model", hint="is it cut short?") from error
    # External data that is missing, too short, or outside of the model's directory.
    except (onnx.checker.ValidationError, OSError, ValueError) as error:
        raise SourceError(
            f"{path}: its external data cannot be read: {one_line(error)}", hint="it belongs beside the .onnx file"
        ) from error


def _normalized(model: Any) -> Any:
    onnx.checker.check_model(model)
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    _refuse_nodes(model)
    if any(opset.domain in ("", "ai.onnx") and opset.version < _OLDEST for opset in model.opset_import):
        model = onnx.version_converter.convert_version(model, _OLDEST)
    rewrite(model)
    return model


def _refuse_nodes(model: Any) -> None:
    for node in model.graph.node:
        what = f"node {node.name or node.output[0]!r}"
        if node.domain not in ("", "ai.onnx"):
            raise SourceError(
                f"{what} is the operator {node.op_type} of the domain {node.domain!r}",
                hint="only ONNX's own operators are compiled: export without optimizations of a runtime",
            )
        if any(each.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for each in node.attribute):
            raise SourceError(f"{what} is control flow ({node.op_type})", hint="simplify the model to one flat graph")
        if node.op_type in _RANDOM:
            raise SourceError(f"{what} draws random numbers ({node.op_type})", hint="make what is random an input")


def _example_shapes(model: Any, shapes: Mapping[str, Shape], axes: Axes) -> dict[str, tuple[int, ...]]:
    """The shapes of the example inputs that the file does not say: what was asked for, or a size within the range."""
    inputs = inputs_of(model)
    for name, shape in shapes.items():
        if name not in inputs or len(inputs[name].shape.dim) != len(shape.dims):
            known = ", ".join(f"{name} ({len(each.shape.dim)} dims)" for name, each in inputs.items())
            raise SourceError(f"the model has no input {name!r} with {len(shape.dims)} dims", hint=f"it has {known}")
    found = {name: shape.dims for name, shape in shapes.items()}
    given = {dim.name: found[name][axis] for name, own in axes.items() if name in found for axis, dim in own.items()}
    for name, own in axes.items():
        if name in inputs and name not in found:
            dims = inputs[name].shape.dim
            varying = {axis: given.get(dim.name, a_size(dim)) for axis, dim in own.items()}
            if all(dim.HasField("dim_value") or axis in varying for axis, dim in enumerate(dims)):
                found[name] = tuple(dim.dim_value or varying.get(axis, 0) for axis, dim in enumerate(dims))
                if math.prod(found[name]) > LARGEST:
                    raise UsageError(
                        f"--dynamic {name}: its smallest shape is {list(found[name])}, more than {LARGEST} elements",
                        hint="give the dims ranges that begin lower",
                    )
    return found


def _reference(path: Path) -> "_Reference":
    try:
        return _Reference(_session(path), path)
    # Its errors are classes of its native module, without a base of their own.
    except Exception as error:
        raise SourceError(
            f"ONNX Runtime does not load {path}: {one_line(error)}",
            hint="it has to run there: infc compares its results with ONNX Runtime's",
        ) from error


def _session(model: Path | bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    # Operator by operator, as the file has them: what an optimizer makes of it is no reference.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class _Reference:
    """The model as a callable on tensors."""

    def __init__(self, session: onnxruntime.InferenceSession, path: Path) -> None:
        self._session = session
        self._path = path

    def with_weights(self, stored: Callable[[torch.Tensor], torch.Tensor | None]) -> "_Reference":
        """The same model with other weights: `stored` gives each of them anew, or None to leave it.

        Raises:
            SourceError: the model with its weights is more than one message of protobuf can hold.
        """
        model: Any = onnx.load(self._path)
        constants = [each.t for node in model.graph.node for each in node.attribute if each.name == "value"]
        for proto in [*model.graph.initializer, *constants]:
            other = stored(to_tensor(onnx.numpy_helper.to_array(proto)))
            if other is not None:
                proto.CopyFrom(onnx.numpy_helper.from_array(to_array(other), proto.name))
        try:
            return _Reference(_session(model.SerializeToString()), self._path)
        except (ValueError, EncodeError) as error:
            raise SourceError(
                f"{self._path} with other weights is no ONNX model: {one_line(error)}",
                hint="a model of 2 GiB or more is compared with its own weights only",
            ) from error

    def __call__(self, *tensors: torch.Tensor) -> dict[str, torch.Tensor]:
        """The outputs by name."""
        given = [each.name for each in self._session.get_inputs()]
        results: Any = self._session.run(None, dict(zip(given, map(to_array, tensors), strict=True)))
        names = [each.name for each in self._session.get_outputs()]
        return dict(zip(names, map(to_tensor, results), strict=True))
