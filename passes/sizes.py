"""Sizes in bytes: of a type, and as text."""

import re
from math import prod

from torch_mlir import ir

_UNITS = {
    "": 1,
    "B": 1,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")


def byte_size(kind: ir.Type) -> int:
    """The bytes of a value of type `kind`, sub-byte elements packed; a dynamic dimension counts as 1, index as i64."""
    if not isinstance(kind, ir.RankedTensorType | ir.VectorType):
        return -(-_width(kind) // 8)
    dims = [1 if kind.is_dynamic_dim(axis) else kind.get_dim_size(axis) for axis in range(kind.rank)]
    return -(-prod(dims) * _width(kind.element_type) // 8)


def parse_size(text: str) -> int:
    """Bytes of `512MiB`, `1.5GiB`, `4096`. Raises ValueError for other text, and for less than one byte."""
    match = _SIZE.fullmatch(text.strip())
    size = int(float(match[1]) * _UNITS[match[2]]) if match and match[2] in _UNITS else 0
    if size < 1:
        raise ValueError(f"{text!r} is no size, expected a number of bytes like 512MiB")
    return size


def _width(kind: ir.Type) -> int:
    if isinstance(kind, ir.IntegerType | ir.FloatType):
        return kind.width
    if isinstance(kind, ir.ComplexType):
        return 2 * _width(kind.element_type)
    return 64
