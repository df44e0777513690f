"""The element types of the format: sizes for everybody, numpy types for those who hold arrays."""

import math
from functools import cache

import numpy as np

from .format import DType, StorageDType

ITEM_SIZE: dict[DType, int] = {
    "f64": 8, "f32": 4, "f16": 2, "bf16": 2, "i64": 8, "i32": 4, "i16": 2, "i8": 1, "u8": 1, "bool": 1,
}  # fmt: skip

_NUMPY: dict[DType, str] = {
    "f64": "float64", "f32": "float32", "f16": "float16", "i64": "int64", "i32": "int32", "i16": "int16",
    "i8": "int8", "u8": "uint8", "bool": "bool",
}  # fmt: skip

INTEGERS: frozenset[DType] = frozenset({"i64", "i32", "i16", "i8", "u8"})


@cache
def numpy_dtype(dtype: DType) -> np.dtype:
    """The numpy type that holds elements of this type; `bf16` is `ml_dtypes.bfloat16`."""
    if dtype == "bf16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(_NUMPY[dtype])


def dtype_name(dtype: np.dtype) -> str:
    """This format's name of a numpy type, or numpy's own name where the format has no such type."""
    names = {numpy: ours for ours, numpy in _NUMPY.items()} | {"bfloat16": "bf16"}
    return names.get(dtype.name, dtype.name)


def byte_size(dtype: StorageDType, shape: tuple[int, ...]) -> int:
    """Bytes that a dense tensor of this type and shape takes."""
    if dtype == "i4":
        return -(-math.prod(shape) // 2)
    return math.prod(shape) * ITEM_SIZE[dtype]
