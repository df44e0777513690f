"""Arrays to and from the protocol's messages."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infc.errors import InvalidInput, RemoteError

from ..oip import DTypeInfo, by_numpy, by_oip

Array = NDArray[np.generic]


@dataclass(frozen=True)
class Tensor:
    """One named input or output of a served model; `shape` has -1 where the size varies."""

    name: str
    dtype: DTypeInfo
    shape: tuple[int, ...]

    def __str__(self) -> str:
        sizes = ", ".join("?" if size < 0 else str(size) for size in self.shape)
        return f"{self.name}: {self.dtype.name}[{sizes}]"

    def admits(self, shape: tuple[int, ...]) -> bool:
        """Whether an array of that shape fits."""
        return len(shape) == len(self.shape) and all(
            want in (-1, size) for want, size in zip(self.shape, shape, strict=True)
        )


def from_metadata(entries: Iterable[Any], *, model: str) -> tuple[Tensor, ...]:
    """The tensors that a `ModelMetadataResponse` lists.

    Raises:
        RemoteError: a dtype that infc does not have.
    """
    return tuple(Tensor(entry.name, _dtype(entry, model), tuple(entry.shape)) for entry in entries)


def check_names(inputs: Iterable[str], expected: tuple[Tensor, ...], *, model: str) -> None:
    """Raises `InvalidInput`, naming the input, when one is missing or none of the model's."""
    given, names = set(inputs), [tensor.name for tensor in expected]
    hint = f"{model} takes " + (", ".join(map(str, expected)) or "no inputs")
    for name in names:
        if name not in given:
            raise InvalidInput(f"input {name!r} of model {model!r} is missing", hint=hint)
    for name in given.difference(names):
        raise InvalidInput(f"model {model!r} has no input {name!r}", hint=hint)


def to_wire(tensor: Tensor, value: Array, *, model: str) -> bytes:
    """The elements of `value` in row-major order, little-endian, once its dtype and shape were found right.

    Raises:
        InvalidInput: it is no array, or of another dtype or shape; nothing is converted silently.
    """
    if not isinstance(value, np.ndarray):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidInput(f"input {tensor.name!r} is a {type(value).__name__}, expected a numpy array")
    found = by_numpy(value.dtype)
    if found is not tensor.dtype or not tensor.admits(value.shape):
        raise wrong_tensor(tensor, found.name if found else str(value.dtype), value.shape, model=model)
    if value.dtype.isnative:
        return value.tobytes()
    return value.astype(tensor.dtype.numpy).tobytes()


def wrong_tensor(tensor: Tensor, dtype: str, shape: tuple[int, ...], *, model: str) -> InvalidInput:
    """The error for an input whose dtype or shape the model does not take."""
    sizes = ", ".join(map(str, shape))
    return InvalidInput(
        f"input {tensor.name!r} of model {model!r} is {dtype}[{sizes}], expected {str(tensor).partition(': ')[2]}",
        hint="the compiled model takes exactly these dtypes and shapes; convert the input or compile for others",
    )


def from_wire(response: Any, expected: tuple[Tensor, ...], *, model: str) -> dict[str, Array]:
    """The outputs of a `ModelInferResponse` by name, in the model's order; the arrays are writable.

    Raises:
        RemoteError: an output is missing, or its dtype, shape or number of bytes is not what the model announced.
    """
    raws: list[bytes] = list(response.raw_output_contents)
    if raws and len(raws) != len(response.outputs):
        raise RemoteError(
            f"model {model!r} answered {len(response.outputs)} outputs with {len(raws)} contents",
            hint="is it a pool of infc's, of this version?",
        )
    found: dict[str, Array] = {}
    for index, output in enumerate(response.outputs):
        shape, dtype = tuple(output.shape), _dtype(output, model)
        found[output.name] = _elements(output, raws[index] if raws else None, dtype, shape, model)
    return {tensor.name: _expected(tensor, found, model) for tensor in expected}


def _elements(output: Any, raw: bytes | None, dtype: DTypeInfo, shape: tuple[int, ...], model: str) -> Array:
    if raw is not None:
        flat: Array = np.frombuffer(bytearray(raw), np.uint8)  # the copy makes it writable
    else:
        flat = _typed(output, dtype, model)
    if min(shape, default=0) < 0 or flat.nbytes != math.prod(shape) * dtype.size:
        raise RemoteError(
            f"output {output.name!r} of model {model!r} has {flat.nbytes} bytes for {dtype.name}{shape}",
            hint="is it a pool of infc's, of this version?",
        )
    return flat.view(dtype.numpy).reshape(shape)


def _typed(output: Any, dtype: DTypeInfo, model: str) -> Array:
    values: list[Any] = list(getattr(output.contents, dtype.contents)) if dtype.contents else []
    try:
        return np.array(values, dtype.numpy).view(np.uint8)
    except OverflowError as error:
        raise RemoteError(
            f"output {output.name!r} of model {model!r} has a value that is no {dtype.name}",
            hint="is it a pool of infc's, of this version?",
        ) from error


def _expected(tensor: Tensor, found: Mapping[str, Array], model: str) -> Array:
    array = found.get(tensor.name)
    if array is None:
        raise RemoteError(
            f"model {model!r} did not answer with output {tensor.name!r}",
            hint="is it a pool of infc's, of this version?",
        )
    if array.dtype != tensor.dtype.numpy or not tensor.admits(array.shape):
        raise RemoteError(
            f"model {model!r} answered {array.dtype}{array.shape}, announced was {tensor}",
            hint="is it a pool of infc's, of this version?",
        )
    return array


def _dtype(entry: Any, model: str) -> DTypeInfo:
    dtype = by_oip(entry.datatype)
    if dtype is None:
        raise RemoteError(
            f"{entry.name!r} of model {model!r} is of type {entry.datatype!r}, which infc does not know",
            hint="infc calls models whose inputs and outputs are numbers or booleans",
        )
    return dtype
