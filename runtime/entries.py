"""What a call of a method needs, looked up once: the modules that run it, and the form of what they take and return."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import iree.runtime
import numpy as np

from .artifact import DType, Method, ModuleBuild, TensorSpec
from .artifact.dtypes import numpy_dtype
from .shapes import sized

rt: Any = iree.runtime  # its stubs are incomplete

_ELEMENTS: dict[DType, Any] = {
    "f64": rt.HalElementType.FLOAT_64,
    "f32": rt.HalElementType.FLOAT_32,
    "f16": rt.HalElementType.FLOAT_16,
    "bf16": rt.HalElementType.BFLOAT_16,
    "i64": rt.HalElementType.INT_64,
    "i32": rt.HalElementType.INT_32,
    "i16": rt.HalElementType.INT_16,
    "i8": rt.HalElementType.INT_8,
    "u8": rt.HalElementType.UINT_8,
    "bool": rt.HalElementType.BOOL_8,
}


@dataclass(frozen=True, slots=True)
class Output:
    """How one output is read: `raw` is what numpy takes the device's bytes for, `dtype` what they are."""

    name: str
    shape: tuple[int | str, ...]
    raw: np.dtype
    dtype: np.dtype

    @staticmethod
    def of(spec: TensorSpec) -> "Output":
        """The output that the interface describes."""
        dtype = numpy_dtype(spec.dtype)
        return Output(spec.name, spec.shape, np.dtype(np.uint16) if spec.dtype == "bf16" else dtype, dtype)


@dataclass(slots=True)
class Way:
    """One module that runs a method. `context` and `function` are there once it is loaded."""

    build: ModuleBuild
    masks: tuple[int, ...] = ()  # the places of the inputs that it takes without rows of zeros only
    context: Any = None
    function: Any = None

    def takes(self, arrays: Sequence[np.ndarray], sizes: Mapping[str, int]) -> bool:
        """Whether a call of these inputs and sizes fits, with padding or without."""
        fits = all(sizes[name] <= size for name, size in self.build.dims.items())
        return fits and all(arrays[place].any(axis=-1).all() for place in self.masks)


@dataclass(frozen=True, slots=True)
class Entry:
    """A method, and the ways to run it in the order of preference."""

    method: Method
    elements: tuple[Any, ...]
    outputs: tuple[Output, ...]
    ways: tuple[Way, ...] = field(default=())

    @staticmethod
    def of(method: Method, modules: Sequence[ModuleBuild]) -> "Entry":
        """The method with those of the modules that are its own."""
        places = {spec.name: place for place, spec in enumerate(method.inputs)}
        own = [build for build in modules if build.method == method.name]
        return Entry(
            method,
            tuple(_ELEMENTS[spec.dtype] for spec in method.inputs),
            tuple(Output.of(spec) for spec in method.outputs),
            tuple(Way(build, tuple(places[name] for name in build.visible)) for build in own),
        )

    def way(self, arrays: Sequence[np.ndarray], sizes: Mapping[str, int]) -> Way:
        """The first that takes these inputs; one takes all that are in range, as the validator has checked."""
        return next(way for way in self.ways if way.takes(arrays, sizes))

    def padded(self, arrays: Sequence[np.ndarray], sizes: Mapping[str, int]) -> list[np.ndarray]:
        """The inputs with zeros behind them, up to the sizes given."""
        return [_padded(each, sized(spec, sizes)) for spec, each in zip(self.method.inputs, arrays, strict=True)]


def _padded(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if array.shape == shape:
        return array
    larger = np.zeros(shape, array.dtype)
    larger[tuple(slice(size) for size in array.shape)] = array
    return larger
