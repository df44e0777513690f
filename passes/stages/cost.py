"""What one call of a program computes, estimated from its linalg."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import linalg

from ..sizes import shape_of
from ..walk import operations

_LINALG: Any = linalg  # what the bindings have in C++, pyright does not see
# What the body of a product holds, whatever is around it: a convolution, a matmul, or a generic that widens integers.
_MULTIPLY = {"arith.mulf", "arith.muli", "complex.mul"}
_ADD = {"arith.addf", "arith.addi", "complex.add"}


def flops(module: ir.Operation) -> int:
    """Floating point operations of one call: contractions and convolutions; elementwise work is not counted."""
    return sum(op_flops(op) for op in operations(module))


def op_flops(op: Any, shape: Callable[[ir.Value], Sequence[int]] | None = None) -> int:
    """Floating point operations of one operation, without what is in its regions.

    Two for each point of the iteration space of a linalg operation, named or generic, that sums up products. `shape`
    says how large its operands are; without it a dynamic dim counts as one.
    """
    if not op.operation.name.startswith("linalg.") or not _sums_products(op.operation):
        return 0
    maps = [each.value for each in _LINALG.get_indexing_maps(op.operation)]
    loops: dict[int, int] = {}  # every loop runs over a dim of some operand; sums of loops are a convolution's windows
    for operand, places in zip(op.operation.operands, maps, strict=True):
        sizes = shape(operand) if shape else shape_of(operand.type)
        for size, place in zip(sizes, places.results, strict=True):
            if isinstance(place, ir.AffineDimExpr):
                loops[place.position] = size
    summed = set(loops) - {place.position for place in maps[-1].results if isinstance(place, ir.AffineDimExpr)}
    return 2 * prod(loops.values()) if summed else 0


def _sums_products(op: Any) -> bool:
    if not op.regions or not op.regions[0].blocks:
        return False
    names = {each.operation.name for each in op.regions[0].blocks[0].operations}
    return not names.isdisjoint(_MULTIPLY) and not names.isdisjoint(_ADD)
