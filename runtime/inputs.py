"""What may enter a compiled model: checked against the interface before the module sees it, or made at random."""

from collections.abc import Mapping, Sequence

import numpy as np

from infc.errors import InvalidInput

from .artifact import Dim, Method, TensorSpec
from .artifact.dtypes import INTEGERS, dtype_name, numpy_dtype
from .shapes import admits, show, sized, sizes_of


def check_inputs(method: Method, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The inputs in the order of the method, C-contiguous; a copy is made only where one was not.

    Args:
        method: the entry point.
        inputs: one array for each input, by name, of exactly its dtype and shape, in which a dim has one size.

    Raises:
        InvalidInput: names the input, what was found and what was expected.
    """
    return checked_call(method, inputs)[0]


def checked_call(method: Method, inputs: Mapping[str, np.ndarray]) -> tuple[list[np.ndarray], dict[str, int]]:
    """What `check_inputs` gives, and the size of each of the method's dims. Raises `InvalidInput` likewise."""
    if len(inputs) != len(method.inputs) or any(spec.name not in inputs for spec in method.inputs):
        raise _wrong_names(method, inputs)
    arrays = [_checked(spec, inputs[spec.name], method.dims) for spec in method.inputs]
    return arrays, sizes_of(method, arrays) if method.dims else {}


def random_inputs(
    method: Method, rng: np.random.Generator, sizes: Mapping[str, int] | None = None
) -> dict[str, np.ndarray]:
    """Inputs that the method takes: floats from the normal distribution, bools and integers uniform.

    Integers stay within the bounds of the interface, and are 0 or 1 where it has none, so that they are good as
    token types, masks and small indices. A dim that `sizes` does not have takes its smallest size.
    """
    full = {dim.name: dim.low for dim in method.dims} | dict(sizes or {})
    return {spec.name: _random(spec, sized(spec, full), rng) for spec in method.inputs}


def describe(spec: TensorSpec, dims: Sequence[Dim] = ()) -> str:
    """`f32[2, 8]`, with the bounds and the dims' ranges where there are any: `i64[batch 1..64, 128] in 0..30521`."""
    text = f"{spec.dtype}{show(spec.shape, dims)}"
    if spec.low is None and spec.high is None:
        return text
    return f"{text} in {'' if spec.low is None else spec.low}..{'' if spec.high is None else spec.high}"


def _checked(spec: TensorSpec, array: np.ndarray, dims: Sequence[Dim]) -> np.ndarray:
    if not isinstance(array, np.ndarray):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise InvalidInput(
            f"input {spec.name!r} is a {type(array).__name__}, expected a numpy array {describe(spec, dims)}",
            hint="convert it with numpy.asarray",
        )
    if array.dtype != numpy_dtype(spec.dtype):
        raise InvalidInput(
            f"input {spec.name!r} has dtype {dtype_name(array.dtype)}, expected {spec.dtype}",
            hint=f"convert it with .astype({numpy_dtype(spec.dtype).name!r})",
        )
    if array.shape != spec.shape and not admits(spec.shape, array.shape):
        raise InvalidInput(
            f"input {spec.name!r} has shape {list(array.shape)}, expected {show(spec.shape, dims)}",
            hint="the model was compiled for this shape only; pad or cut the input, or compile it for yours",
        )
    if (spec.low is not None or spec.high is not None) and array.size:
        _check_bounds(spec, array)
    if spec.dtype == "bool" and array.view(np.uint8).max(initial=0) > 1:
        # A buffer off the wire may hold any byte. numpy takes all but 0 for true, the module looks at the lowest bit.
        array = array.view(np.uint8) != 0
    return array if array.flags.c_contiguous else array.copy(order="C")


def _check_bounds(spec: TensorSpec, array: np.ndarray) -> None:
    lowest, highest = int(array.min()), int(array.max())
    if spec.low is not None and lowest < spec.low:
        value, flat = lowest, int(array.argmin())
    elif spec.high is not None and highest > spec.high:
        value, flat = highest, int(array.argmax())
    else:
        return
    where = [int(index) for index in np.unravel_index(flat, array.shape)]
    raise InvalidInput(
        f"input {spec.name!r} has the value {value} at {where}, expected {describe(spec)}",
        hint="the values index a table of the model; check that the tokenizer or encoder belongs to this model",
    )


def _wrong_names(method: Method, inputs: Mapping[str, np.ndarray]) -> InvalidInput:
    names = [spec.name for spec in method.inputs]
    missing = [name for name in names if name not in inputs]
    unknown = [str(name) for name in inputs if name not in names]
    parts = [f"missing {', '.join(map(repr, missing))}"] if missing else []
    parts += [f"unknown {', '.join(map(repr, unknown))}"] if unknown else []
    takes = ", ".join(f"{spec.name}: {describe(spec, method.dims)}" for spec in method.inputs)
    return InvalidInput(f"wrong inputs: {'; '.join(parts)}", hint=f"{method.name} takes {takes or 'no inputs'}")


def _random(spec: TensorSpec, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    dtype = numpy_dtype(spec.dtype)
    if spec.dtype == "bool":
        return rng.integers(0, 2, shape, dtype=np.uint8).astype(bool)
    if spec.dtype not in INTEGERS:
        return np.asarray(rng.standard_normal(shape), dtype=dtype)
    low = min(0, spec.high or 0) if spec.low is None else spec.low
    high = low + 1 if spec.high is None else spec.high
    limits = np.iinfo(dtype)
    return np.asarray(rng.integers(max(low, limits.min), min(high, limits.max), shape, dtype, endpoint=True))
