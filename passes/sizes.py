"""Sizes in bytes: of a type, and as text."""

import re
from collections.abc import Sequence
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


def shape_of(kind: ir.Type) -> list[int]:
    """The sizes of a tensor or vector, a dynamic one as 1; nothing for other types."""
    if not isinstance(kind, ir.RankedTensorType | ir.VectorType):
        return []
    return [1 if kind.is_dynamic_dim(axis) else kind.get_dim_size(axis) for axis in range(kind.rank)]


def varying(value: ir.Value) -> list[int]:
    """The axes of a value along which its size varies; none of what is no tensor."""
    kind = value.type
    if not isinstance(kind, ir.RankedTensorType):
        return []
    return [axis for axis in range(kind.rank) if kind.is_dynamic_dim(axis)]


def byte_size(kind: ir.Type, shape: Sequence[int] | None = None) -> int:
    """The bytes of a value of type `kind`, sub-byte elements packed, index as i64; its sizes are those of `shape`
    instead of `shape_of(kind)` where that is given."""
    element = kind.element_type if isinstance(kind, ir.RankedTensorType | ir.VectorType) else kind
    return -(-prod(shape_of(kind) if shape is None else shape) * _width(element) // 8)


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
