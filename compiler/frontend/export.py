"""From a PyTorch module to a decomposed `ExportedProgram` and its interface."""

import re
import traceback
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import torch
import torch.utils._pytree as pytree
from torch.export.graph_signature import ConstantArgument, InputKind, OutputKind

from infc.errors import CompileError, SourceError, UsageError

from ...runtime.artifact import Method
from ..dynamic.exporting import (
    check_axes,
    dynamic_shapes,
    method_with_names,
    no_export,
    resized,
    tracing_sizes,
    varying,
)
from ..dynamic.request import Axes, check_largest
from ..dynamic.views import split_views
from .arguments import in_order_of_forward, input_names, takes
from .complex_numbers import without_complex
from .decompositions import INEXACT, count_dims_from_the_first, table
from .guest import quiet_torch
from .interface import method_of, returns_of
from .records import register_dataclasses
from .source import OnnxGraph, Source


@dataclass(frozen=True)
class Program:
    """A model in the form that the importer reads.

    `exported` is decomposed and returns tensors only, or it is a graph of ONNX; `method` is its interface.
    """

    source: Source
    exported: torch.export.ExportedProgram | OnnxGraph
    method: Method


@dataclass(frozen=True)
class Traced:
    """A source with its graph as PyTorch traced it, before it is decomposed.

    `asked` has the names of the dims that were asked to vary; None where none was.
    """

    source: Source
    exported: torch.export.ExportedProgram | OnnxGraph
    asked: Method | None = None


def export(source: Source, axes: Axes | None = None) -> Program:
    """Export the source's module with its example inputs, inference only; the dims that `axes` names vary.

    Without `axes` shapes are those of the example, but for the dims of a program that was exported with its own.

    Raises:
        SourceError: the module does not export, or not with these dims, changes its own buffers or inputs, or takes or
            returns something that is no tensor.
        UsageError: `axes` does not fit the inputs, or the source is a graph already.
        CompileError: an operator does not decompose.
    """
    return decompose(trace(source, axes))


def at_sizes(program: Program, sizes: Mapping[str, int]) -> Program:
    """The program with fixed shapes: those that it has when its dims have these sizes. Raises as `export` does."""
    source = program.source
    if source.onnx is not None:
        from ..doors.onnx_dims import at  # its library is an extra

        graph = at(replace(source.onnx, method=program.method), sizes)
        return Program(source, graph, graph.method)
    return export(resized(source, program.method, sizes))


def axes_of_each(sources: Sequence[Source], axes: Axes) -> list[Axes]:
    """For each entry point those of `axes` that are its own: an input that varies does so wherever it is one.

    Raises:
        UsageError: no entry point has such an input, or it belongs to a graph, which keeps the dims that it has.
    """
    if len(sources) == 1:
        return [axes]
    inputs = [input_names(source) for source in sources]
    for name in axes:
        if not any(name in own for own in inputs):
            known = "; ".join(f"{source.method}: {', '.join(own)}" for source, own in zip(sources, inputs, strict=True))
            raise UsageError(f"--dynamic {name}: there is no such input", hint=f"inputs of {known}")
    return [{name: own for name, own in axes.items() if name in names} for names in inputs]


def trace(source: Source, axes: Axes | None = None) -> Traced:
    """The first half of `export`: the graph. Raises SourceError and UsageError as `export` does."""
    if axes and source.exported is not None:
        raise UsageError(
            f"--dynamic is for models that infc exports; {source.name!r} is a graph already",
            hint="a .pt2 keeps the dims that it was exported with: torch.export.export(…, dynamic_shapes=…)",
        )
    if source.onnx is not None:
        return Traced(source, _varying_graph(source.onnx, axes) if axes else source.onnx)
    source = in_order_of_forward(source)
    if not axes:
        return Traced(source, source.exported or _exported(source))
    fixed = export(source)
    check_axes(axes, fixed.method)
    asked = varying(fixed.method, axes)
    check_largest(msgspec.structs.replace(asked, outputs=()))  # before an example of that size is made
    example = resized(source, asked, tracing_sizes(asked))
    return Traced(source, _exported(example, asked), asked)


def _varying_graph(graph: OnnxGraph, axes: Axes) -> OnnxGraph:
    from ..doors.onnx_dims import spread, with_dims  # their library is an extra

    check_axes(axes, graph.method)
    asked = varying(graph.method, spread(graph.raw, axes))
    check_largest(msgspec.structs.replace(asked, outputs=()))
    return with_dims(graph, asked)


def decompose(traced: Traced) -> Program:
    """The second half of `export`: the graph in the operators that lower. Raises as `export` does."""
    source, exported = traced.source, traced.exported
    if isinstance(exported, OnnxGraph):
        return Program(source, exported, exported.method)
    returns = returns_of(exported)
    exported = _decomposed(exported)
    _refuse_effects(exported)
    _drop_constant_outputs(exported)
    method = method_of(source.method, exported, takes(source), returns)
    if any(isinstance(size, str) for spec in (*method.inputs, *method.outputs) for size in spec.shape):
        method = method_with_names(method, exported, traced.asked)
        split_views(exported)
    return Program(source, exported, method)


def _exported(source: Source, asked: Method | None = None) -> torch.export.ExportedProgram:
    try:
        return _tried(source, asked)
    except (Exception, SystemExit) as error:  # forward is the user's, and may call sys.exit
        if not register_dataclasses(source):
            raise _no_export(error) from error
    try:
        return _tried(source, asked)
    except (Exception, SystemExit) as error:
        raise _no_export(error) from error


def _tried(source: Source, asked: Method | None) -> torch.export.ExportedProgram:
    module: Any = source.module
    args, kwargs = _distinct((source.args, dict(source.kwargs)))
    shapes = dynamic_shapes(replace(source, args=args, kwargs=kwargs), asked) if asked else None
    with torch.no_grad(), quiet_torch():
        return torch.export.export(module, args, kwargs, dynamic_shapes=shapes)


def _no_export(error: BaseException) -> SourceError:
    fixed = no_export(error)
    if fixed is not None:
        return fixed
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    what = lines[0] if lines else "no message"
    return SourceError(
        f"the model does not export: {type(error).__name__}: {what}{_user_code(error) or _raised(error)}",
        hint="torch.export.export(module, inputs) must work; control flow that depends on values has to go",
    )


def _distinct(inputs: Any) -> Any:
    """The inputs, with a copy for a tensor that comes again: export would take two arguments for one for good."""
    seen: set[int] = set()

    def once(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor):
            return leaf
        if id(leaf) in seen:
            return leaf.detach().clone()
        seen.add(id(leaf))
        return leaf

    return pytree.tree_map(once, inputs)


def _decomposed(exported: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    for node in exported.graph.nodes:
        # A decomposed operator may leave other strides than the operator did, and a view of those may not exist.
        if node.target is torch.ops.aten.view.default:
            node.target = torch.ops.aten.reshape.default
    try:
        with torch.no_grad(), warnings.catch_warnings():
            without_complex(exported)
            # torch warns of its own use of its own deprecated class.
            warnings.filterwarnings("ignore", category=FutureWarning, message=".*LeafSpec.*")
            exported = exported.run_decompositions(table(exported.graph))
            count_dims_from_the_first(exported.graph)
            return exported
    except SourceError:
        raise
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        what = lines[0] if lines else "no message"
        raise CompileError(
            f"an operator does not decompose: {type(error).__name__}: {what}{_user_code(error)}",
            hint="rewrite that part of the model; PyTorch's own exported.run_decompositions() shows the whole trace",
            stage="decompose",
        ) from error


def _user_code(error: BaseException) -> str:
    for line in reversed(str(error).splitlines()):
        if line.strip().startswith("File "):
            return f" ({line.strip().removeprefix('File ')})"
    return ""


def _raised(error: BaseException) -> str:
    """The innermost line that is not PyTorch's own, of an error that the model's code led to."""
    own = str(Path(torch.__file__).parent)
    frames = [each for each in traceback.extract_tb(error.__traceback__) if not each.filename.startswith((own, "<"))]
    place = frames[-1] if frames else None
    return f" ({place.filename}:{place.lineno})" if place and place.filename != __file__ else ""


def _refuse_effects(exported: torch.export.ExportedProgram) -> None:
    """Only now is the program functional, so that its effects can be read off its signature."""
    signature = exported.graph_signature
    changed = [*signature.buffers_to_mutate.values(), *signature.user_inputs_to_mutate.values()]
    if changed:
        raise SourceError(
            f"the model's forward changes {changed[0]!r} in place",
            hint="only pure forwards are compiled: put the module in eval mode, or return the new value",
        )
    for spec in signature.input_specs:
        if spec.kind in (InputKind.CUSTOM_OBJ, InputKind.TOKEN):
            raise SourceError(
                f"the model holds {spec.arg.name!r}, which is no tensor",
                hint="make it a parameter or a buffer, or compute with plain PyTorch operators",
            )
    for node in exported.graph.nodes:
        if node.target in INEXACT:
            raise SourceError(
                f"operator {node.target} would give other numbers than PyTorch's: {INEXACT[node.target]}{_line(node)}",
                hint="rewrite that part of the model with other operators",
            )
        if torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ()):
            raise SourceError(
                f"the model draws random numbers: {node.target}{_line(node)}",
                hint="put the module in eval mode, or pass what is random as an input",
            )


def _line(node: Any) -> str:
    """` (file.py:12)`: the line of the model's Python that made the node, where export recorded it."""
    frames = re.findall(r'File "([^"]+)", line (\d+)', node.meta.get("stack_trace") or "")
    return f" ({frames[-1][0]}:{frames[-1][1]})" if frames else ""


def _drop_constant_outputs(exported: torch.export.ExportedProgram) -> None:
    """What is no tensor is in the interface; the importer has no type for it."""
    signature = exported.graph_signature
    output = exported.graph.output_node()
    kept = [
        (spec, value)
        for spec, value in zip(signature.output_specs, output.args[0], strict=True)  # type: ignore[arg-type]
        if not (spec.kind == OutputKind.USER_OUTPUT and isinstance(spec.arg, ConstantArgument))
    ]
    signature.output_specs[:] = [spec for spec, _ in kept]
    output.args = (tuple(value for _, value in kept),)
