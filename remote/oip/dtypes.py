"""infc's dtypes, the protocol's and numpy's, in one table."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import DTypeLike


@dataclass(frozen=True)
class DTypeInfo:
    """One dtype.

    `name` is infc's (`f32`), `oip` the protocol's (`FP32`), `size` in bytes, `storage` numpy's name for the elements
    on the wire (little-endian), `contents` the field of `InferTensorContents` that may hold it (empty: raw only).

    numpy has no bfloat16: its elements appear as `uint16` bit patterns. No other dtype of infc's is `uint16`, so
    nothing is confused with it; who has `ml_dtypes` or torch views them as that library's bfloat16.
    """

    name: str
    oip: str
    size: int
    storage: str
    contents: str = ""

    @cached_property
    def numpy(self) -> np.dtype[np.generic]:
        """The numpy dtype of the elements, little-endian."""
        return np.dtype(self.storage).newbyteorder("<")


DTYPES = (
    DTypeInfo("f64", "FP64", 8, "float64", "fp64_contents"),
    DTypeInfo("f32", "FP32", 4, "float32", "fp32_contents"),
    DTypeInfo("f16", "FP16", 2, "float16"),
    DTypeInfo("bf16", "BF16", 2, "uint16"),
    DTypeInfo("i64", "INT64", 8, "int64", "int64_contents"),
    DTypeInfo("i32", "INT32", 4, "int32", "int_contents"),
    DTypeInfo("i16", "INT16", 2, "int16", "int_contents"),
    DTypeInfo("i8", "INT8", 1, "int8", "int_contents"),
    DTypeInfo("u8", "UINT8", 1, "uint8", "uint_contents"),
    DTypeInfo("bool", "BOOL", 1, "bool", "bool_contents"),
)

_BY_NAME = {info.name: info for info in DTYPES}
_BY_OIP = {info.oip: info for info in DTYPES}
_BY_STORAGE = {info.storage: info for info in DTYPES} | {"bfloat16": _BY_NAME["bf16"]}


def by_name(name: str) -> DTypeInfo | None:
    """The entry for infc's name of a dtype (`f32`), None when there is none."""
    return _BY_NAME.get(name)


def by_oip(name: str) -> DTypeInfo | None:
    """The entry for the protocol's name of a dtype (`FP32`), None when there is none."""
    return _BY_OIP.get(name)


def by_numpy(dtype: DTypeLike) -> DTypeInfo | None:
    """The entry for a numpy dtype of either byte order (`ml_dtypes.bfloat16` included), None when there is none."""
    return _BY_STORAGE.get(np.dtype(dtype).name)
