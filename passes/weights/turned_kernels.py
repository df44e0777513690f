"""Kernels that the program turns around, element by element, before a convolution reads them."""

from collections.abc import Sequence
from typing import Any

from torch_mlir import ir

from ...dialects.transforms import Flip, Permute, Reshape, Transform
from ..elementwise import maps_of
from .batch_norms import weight_of

_INDEX = "linalg.index"


def turned(value: ir.Value) -> tuple[Any, tuple[Transform, ...]] | None:
    """The weight of which `value` has the same elements along other axes, or from the last to the first, and how.

    torch-mlir writes so what a transposed convolution does with its kernel, and `flip` with an operand beside that it
    does not use:

    ```mlir
    %v = linalg.generic {…identity map…} outs(%e : tensor<8x16x4x4xf32>) {
      %a, %b, %c, %d = linalg.index 0, 1, 2, 3
      %t = arith.subi %c3, %c
      %u = arith.subi %c3, %d
      %x = tensor.extract %w[%b, %a, %t, %u] : tensor<16x8x4x4xf32>
      linalg.yield %x
    }
    ```

    None when it is no such value.
    """
    extract = _only_reads(value)
    if extract is None:
        return None
    shape, source = ir.RankedTensorType(value.type).shape, extract.operation.operands[0]
    indexes = list(extract.operation.operands)[1:]
    axes = [_axis(index, size) for index, size in zip(indexes, _sizes(source), strict=True)]
    order = _order([each[0] if each else None for each in axes], shape)
    found = _weight(source)
    if order is None or found is None or any(each is None for each in axes):
        return None
    weight, before = found
    if [_sizes(source)[axis] for axis in order] != list(shape):
        return None
    back = tuple(axis for axis, at in enumerate(order) if (each := axes[at]) is not None and each[1])
    steps: list[Transform] = [*before]
    steps += [Permute(tuple(order))] if list(order) != sorted(order) else []
    steps += [Flip(back)] if back else []
    return (weight, tuple(steps)) if steps else None


def _only_reads(value: ir.Value) -> Any:
    """The one `tensor.extract` of what makes `value` by reading a tensor, an element for an element."""
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.operation.name != "linalg.generic":
        return None
    generic = owner.opview
    dims = ", ".join(f"d{axis}" for axis in range(ir.RankedTensorType(value.type).rank))
    block = generic.operation.regions[0].blocks[0]
    used = any(True for argument in block.arguments for _ in argument.uses)
    if used or len(generic.operation.results) != 1 or maps_of(generic)[-1] != f"({dims}) -> ({dims})":
        return None
    body = list(block.operations)
    extracts = [op for op in body if op.operation.name == "tensor.extract"]
    known = {_INDEX, "arith.subi", "tensor.extract", "linalg.yield"}
    if len(extracts) != 1 or not {op.operation.name for op in body} <= known:
        return None
    return extracts[0] if body[-1].operation.operands[0] == extracts[0].operation.results[0] else None


def _axis(index: ir.Value, size: int) -> tuple[int | None, bool] | None:
    """The axis of the result along which `index` goes, and whether backwards; the axis None where there is one element.

    None when `index` is something else.
    """
    owner = index.owner
    if isinstance(owner, ir.Block):
        return None
    name, operands = owner.operation.name, owner.operation.operands
    if name == _INDEX:
        return int(owner.operation.attributes["dim"]), False
    if name == "arith.constant":
        return (None, False) if size == 1 else None
    if name != "arith.subi" or _number(operands[0]) != size - 1:
        return None
    inner = operands[1].owner
    forwards = not isinstance(inner, ir.Block) and inner.operation.name == _INDEX
    return (int(inner.operation.attributes["dim"]), True) if forwards else None


def _order(axes: Sequence[int | None], shape: Sequence[int]) -> list[int] | None:
    """For each axis of the result that of the source; those of one element that no index names in their order."""
    unnamed = [axis for axis in range(len(shape)) if axis not in axes]
    if any(shape[axis] != 1 for axis in unnamed) or len(unnamed) != sum(axis is None for axis in axes):
        return None
    named = [unnamed.pop(0) if axis is None else axis for axis in axes]
    if sorted(named) != list(range(len(shape))):
        return None
    return [named.index(axis) for axis in range(len(shape))]


def _weight(source: ir.Value) -> tuple[Any, tuple[Transform, ...]] | None:
    """The weight that `source` is, as PyTorch has it or under another shape."""
    owner = source.owner
    reshapes = ("tensor.expand_shape", "tensor.collapse_shape")
    if isinstance(owner, ir.Block) or owner.operation.name not in reshapes:
        weight = weight_of(source)
        return (weight, ()) if weight else None
    weight = weight_of(owner.operation.operands[0])
    return (weight, (Reshape(tuple(_sizes(source))),)) if weight else None


def _sizes(value: ir.Value) -> list[int]:
    return list(ir.RankedTensorType(value.type).shape)


def _number(value: ir.Value) -> int | None:
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.operation.name != "arith.constant":
        return None
    return ir.IntegerAttr(owner.operation.attributes["value"]).value
