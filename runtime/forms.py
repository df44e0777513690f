"""What the elements of a value are, to IREE and to numpy."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import iree.runtime
import numpy as np

from .artifact import DType
from .artifact.dtypes import numpy_dtype

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
class Form:
    """`element` is IREE's name of the dtype, `raw` what numpy takes a device's bytes for, `dtype` what they are."""

    element: Any
    raw: np.dtype
    dtype: np.dtype


@cache
def form_of(dtype: DType) -> Form:
    """The form of a dtype of the interface."""
    kind = numpy_dtype(dtype)
    return Form(_ELEMENTS[dtype], np.dtype(np.uint16) if dtype == "bf16" else kind, kind)
