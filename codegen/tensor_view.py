"""One input or output as the generated code has it."""

from dataclasses import dataclass

from ..runtime.artifact import TensorSpec
from .names import unique

# infc's dtype: the protocol's, numpy's scalar type, numpy's dtype as text. numpy has no bfloat16.
_DTYPES = {
    "f64": ("FP64", "float64", "<f8"),
    "f32": ("FP32", "float32", "<f4"),
    "f16": ("FP16", "float16", "<f2"),
    "bf16": ("BF16", "uint16", "<u2"),
    "i64": ("INT64", "int64", "<i8"),
    "i32": ("INT32", "int32", "<i4"),
    "i16": ("INT16", "int16", "<i2"),
    "i8": ("INT8", "int8", "|i1"),
    "u8": ("UINT8", "uint8", "|u1"),
    "bool": ("BOOL", "bool_", "|b1"),
}


@dataclass(frozen=True)
class TensorView:
    """One input or output: `argument` is its name in Python, `name` the one on the wire."""

    argument: str
    name: str
    dtype: str
    shape: tuple[int | str, ...]
    low: int | None
    high: int | None

    @property
    def datatype(self) -> str:
        """The protocol's name of the dtype."""
        return _DTYPES[self.dtype][0]

    @property
    def scalar(self) -> str:
        """numpy's scalar type."""
        return _DTYPES[self.dtype][1]

    @property
    def numpy(self) -> str:
        """numpy's dtype, as text."""
        return _DTYPES[self.dtype][2]

    @property
    def describe(self) -> str:
        """Dtype, shape and bounds for a docstring: `i64[1, 128], values 0 to 30521.`"""
        text = f"{self.dtype}[{', '.join(map(str, self.shape))}]"
        if self.dtype == "bf16":
            text += " as bit patterns"
        if self.low is not None or self.high is not None:
            low, high = ("?" if bound is None else bound for bound in (self.low, self.high))
            text += f", values {low} to {high}"
        return text + "."


def tensor_views(specs: tuple[TensorSpec, ...], fallback: str) -> tuple[TensorView, ...]:
    """The views of a method's inputs or outputs, whose names in Python differ from each other."""
    arguments = unique((spec.name for spec in specs), fallback=fallback)
    return tuple(
        TensorView(argument, spec.name, spec.dtype, spec.shape, spec.low, spec.high)
        for argument, spec in zip(arguments, specs, strict=True)
    )
