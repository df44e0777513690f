"""Sizes of dynamic dims: read off a call's inputs, checked, and put into the shapes of what comes back."""

from collections.abc import Mapping, Sequence

import numpy as np

from infc.errors import InvalidInput, UsageError

from .artifact import Dim, Method, TensorSpec


def sizes_of(method: Method, arrays: Sequence[np.ndarray]) -> dict[str, int]:
    """The size that a call's inputs give each dim of the method.

    Args:
        method: the entry point.
        arrays: its inputs in its order, of the right ranks.

    Raises:
        InvalidInput: a size is out of its dim's range, or two inputs disagree.
    """
    found: dict[str, int] = {}
    origin: dict[str, str] = {}
    for spec, array in zip(method.inputs, arrays, strict=True):
        for name, size in zip(spec.shape, array.shape, strict=True):
            if isinstance(name, int):
                continue
            if found.setdefault(name, size) != size:
                raise InvalidInput(
                    f"dim {name!r} is {found[name]} in input {origin[name]!r} and {size} in input {spec.name!r}",
                    hint="a dim has one size in all inputs of a call",
                )
            origin.setdefault(name, spec.name)
    for dim in method.dims:
        check_size(dim, found[dim.name], f"input {origin[dim.name]!r}")
    return found


def check_size(dim: Dim, size: int, where: str) -> None:
    """Raises `InvalidInput` when the size is out of the dim's range; `where` says who gave it."""
    if not dim.low <= size <= dim.high:
        raise InvalidInput(
            f"{where} has {dim.name} = {size}, expected {dim.low} to {dim.high}",
            hint="the model was compiled for these sizes; split or cut the input, or compile it with a wider range",
        )


def resolve(shape: Sequence[int | str], sizes: Mapping[str, int]) -> list[int | None]:
    """The shape with sizes in place of names; None where the size is known only after the call."""
    return [size if isinstance(size, int) else sizes.get(size) for size in shape]


def admits(shape: Sequence[int | str], actual: Sequence[int]) -> bool:
    """Whether an array of shape `actual` has the rank and the fixed sizes that `shape` asks for."""
    return len(shape) == len(actual) and all(
        isinstance(want, str) or want == size for want, size in zip(shape, actual, strict=True)
    )


def sized(spec: TensorSpec, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The shape of an input when the dims have these sizes; all that it names must be there."""
    return tuple(size if isinstance(size, int) else sizes[size] for size in spec.shape)


def show(shape: Sequence[int | str], dims: Sequence[Dim] = ()) -> str:
    """`[2, 8]`; with dims and their ranges `[batch 1..64, 8]`."""
    ranges = {dim.name: f"{dim.name} {dim.low}..{dim.high}" for dim in dims}
    return "[" + ", ".join(str(size) if isinstance(size, int) else ranges.get(size, size) for size in shape) + "]"


def partial_sizes(method: Method, inputs: Mapping[str, np.ndarray]) -> dict[str, int]:
    """The sizes of those dims that the inputs which are there tell, as far as their ranks are right."""
    found: dict[str, int] = {}
    for spec in method.inputs:
        if spec.name in inputs and inputs[spec.name].ndim == len(spec.shape):
            pairs = zip(spec.shape, inputs[spec.name].shape, strict=True)
            found.update({name: size for name, size in pairs if isinstance(name, str)})
    return found


def parse_sizes(method: Method, texts: Sequence[str]) -> dict[str, int]:
    """The sizes that `NAME=SIZE` texts give the method's dims.

    Raises:
        UsageError: one has another form, or names a dim that does not vary.
        InvalidInput: a size is out of its dim's range.
    """
    dims = {dim.name: dim for dim in method.dims}
    found: dict[str, int] = {}
    for text in texts:
        name, _, size = text.partition("=")
        if not (size.isascii() and size.isdecimal()):
            raise UsageError(f"--dim {text!r} is no NAME=SIZE", hint="--dim batch=3")
        if name not in dims:
            known = f"dims: {', '.join(dims)}" if dims else f"{method.name} takes fixed shapes only"
            raise UsageError(f"--dim {text!r}: there is no dim {name!r} that varies", hint=known)
        if name in found:
            raise UsageError(f"--dim names {name!r} twice", hint="one size for each dim")
        found[name] = int(size[:18])
        check_size(dims[name], found[name], f"--dim {text!r}")
    return found
