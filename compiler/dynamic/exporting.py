"""Exporting a model so that dims vary, or so that they have one of their sizes."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
import sympy
import torch
import torch.utils._pytree as pytree

from infc.errors import SourceError, UsageError

from ...runtime.artifact import UNKNOWN, Dim, Method, TensorSpec
from ...runtime.shapes import sized
from ..frontend.source import Source
from ..verification.sampling import draw
from .request import Axes

_UNBOUNDED = 1 << 31


def check_axes(axes: Axes, method: Method) -> None:
    """Whether the inputs that `axes` names are there, with the axes, and the example within the ranges.

    Raises:
        UsageError: names the input, what was asked for and what there is.
    """
    specs = {spec.name: spec for spec in method.inputs}
    for name, dims in axes.items():
        if name not in specs:
            raise UsageError(f"--dynamic {name}: there is no such input", hint=f"inputs: {', '.join(specs) or 'none'}")
        shape = specs[name].shape
        for axis, dim in dims.items():
            if axis >= len(shape):
                raise UsageError(
                    f"--dynamic {name}:{axis}={dim.name}: the input has {len(shape)} dims, 0 to {len(shape) - 1}"
                    if shape
                    else f"--dynamic {name}:{axis}={dim.name}: the input is a single number",
                    hint="axes are counted from 0; a single number has none",
                )
            size = shape[axis]
            if isinstance(size, int) and not dim.low <= size <= dim.high:
                raise UsageError(
                    f"--dynamic {name}:{axis}={dim.name}[{dim.low}..{dim.high}]: the example input has {size} there",
                    hint="widen the range, or give an example within it",
                )


def varying(method: Method, axes: Axes) -> Method:
    """The method of the example's shapes, with the names of the dims in place of their sizes."""
    inputs = tuple(
        msgspec.structs.replace(
            spec,
            shape=tuple(
                axes[spec.name][axis].name if axis in axes.get(spec.name, {}) else size
                for axis, size in enumerate(spec.shape)
            ),
        )
        for spec in method.inputs
    )
    dims = {dim.name: dim for own in axes.values() for dim in own.values()}
    return msgspec.structs.replace(method, inputs=inputs, dims=tuple(dims.values()))


def tracing_sizes(method: Method) -> dict[str, int]:
    """Sizes for an example that the exporter takes for dims that vary: not 0 or 1, and no two alike where possible."""
    found: dict[str, int] = {}
    for dim in method.dims:
        candidates = list(range(max(dim.low, 3), min(dim.high, dim.low + 61) + 1))
        free = [size for size in candidates if size not in found.values()]
        found[dim.name] = (free or candidates or [dim.high])[0]
    return found


def resized(source: Source, method: Method, sizes: Mapping[str, int]) -> Source:
    """The source with example inputs whose dims have these sizes, drawn at random like the example's own."""
    generator = torch.Generator().manual_seed(0)
    specs = iter(method.inputs)

    def other(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor):
            return leaf
        spec = next(specs)
        shape = sized(spec, sizes)
        return leaf if tuple(leaf.shape) == shape else draw("random", spec, leaf, shape, generator)

    args, kwargs = pytree.tree_map(other, (source.args, dict(source.kwargs)))
    return replace(source, args=args, kwargs=kwargs, exported=None)


def dynamic_shapes(source: Source, method: Method) -> Any:
    """What `torch.export.export` is told of the source's example inputs, which are all different tensors."""
    leaves = [leaf for leaf in pytree.tree_leaves((source.args, dict(source.kwargs))) if isinstance(leaf, torch.Tensor)]
    dims = {dim.name: torch.export.Dim(dim.name, min=dim.low, max=dim.high) for dim in method.dims}
    shapes = torch.export.ShapesCollection()
    for spec, leaf in zip(method.inputs, leaves, strict=True):
        own = {axis: dims[size] for axis, size in enumerate(spec.shape) if isinstance(size, str)}
        if own:
            shapes[leaf] = own
    return shapes.dynamic_shapes(source.module, source.args, dict(source.kwargs))  # pyright: ignore[reportArgumentType]


def no_export(error: BaseException) -> SourceError | None:
    """What the exporter says about a dim that does not vary as asked for; None where it is about something else."""
    text = str(error)
    fixed = re.search(r"You marked (\w+)\S* as dynamic but your code specialized it to be a constant \((\d+)\)", text)
    if fixed:
        return SourceError(
            f"dim {fixed[1]!r} cannot vary: the model's code fixes it to {fixed[2]}",
            hint="its value is computed with or compared in Python, or belongs to a fixed dim of another input; "
            "leave it out of --dynamic, or change the model",
        )
    for line in text.splitlines():
        if "satisfy the generated guard" in line or "must always be equal" in line or "must be equal" in line:
            fixes = text.partition("Suggested fixes:")[2].strip().splitlines()
            what = line.strip().removeprefix("- ")
            return SourceError(
                f"the dims cannot vary as asked for: {what}",
                hint=f"PyTorch suggests: {fixes[0].strip()}" if fixes else "give them other ranges",
            )
    return None


def method_with_names(method: Method, exported: torch.export.ExportedProgram, asked: Method | None) -> Method:
    """The method with the dims' names in place of the exporter's symbols, which `method` has as texts.

    `asked` has the names that were asked for; without it a dim is named after the first input and axis that has it.

    Raises:
        SourceError: the size of an input's dim is computed from another's, or has no upper bound.
    """
    constraints = {str(symbol): bounds for symbol, bounds in exported.range_constraints.items()}
    named: dict[str, Dim] = {}
    for place, spec in enumerate(method.inputs):
        for axis, size in enumerate(spec.shape):
            if isinstance(size, int) or size in named:
                continue
            wanted = asked.inputs[place].shape[axis] if asked else f"{_identifier(spec.name)}_{axis}"
            named[size] = _dim(spec, axis, str(size), str(wanted), constraints, asked)
    if len({dim.name for dim in named.values()}) < len(named):
        raise SourceError(
            f"two dims would both be called {[dim.name for dim in named.values()]}",
            hint="export it again with inputs of other names",
        )

    def shape(spec: TensorSpec) -> TensorSpec:
        sizes = [size if isinstance(size, int) else named[size].name if size in named else UNKNOWN
                 for size in spec.shape]  # fmt: skip
        return msgspec.structs.replace(spec, shape=tuple(sizes))

    return msgspec.structs.replace(
        method,
        inputs=tuple(map(shape, method.inputs)),
        outputs=tuple(map(shape, method.outputs)),
        dims=tuple(named.values()),
    )


def _dim(
    spec: TensorSpec, axis: int, symbol: str, name: str, constraints: Mapping[str, Any], asked: Method | None
) -> Dim:
    if asked:
        return next(dim for dim in asked.dims if dim.name == name)
    if symbol not in constraints:
        raise SourceError(
            f"dim {axis} of input {spec.name!r} is {symbol}: computed from another dim",
            hint="export it with dims of their own",
        )
    low, high = constraints[symbol].lower, constraints[symbol].upper
    if not isinstance(high, sympy.Integer) or int(high) >= _UNBOUNDED:
        raise SourceError(
            f"dim {axis} of input {spec.name!r} has no upper bound",
            hint=f"export it with torch.export.Dim('{name}', max=…)",
        )
    return Dim(name=name, low=max(int(low), 1), high=int(high))


def _identifier(text: str) -> str:
    plain = re.sub(r"\W+", "_", text, flags=re.ASCII)
    return plain if plain[:1].isidentifier() else f"input_{plain}"
