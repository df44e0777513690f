"""`infer-guard-scatters`: an index read from data never writes outside of the tensor that it indexes."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, tensor

from ..base import Pass
from ..walk import operations


@dataclass(frozen=True)
class GuardScatters(Pass):
    """Wrap and clamp the indices of every `tm_tensor.scatter` to the dimensions that they index.

    A negative index counts from the end, as PyTorch's indexing has it; what is still outside is moved to the nearest
    element. PyTorch raises an IndexError there; compiled code has no way to, and would write over other memory.

    Before:

    ```mlir
    %r = tm_tensor.scatter {dimension_map = array<i64: 0>} … ins(%updates, %indices : …) outs(%x : tensor<8x4xf32>)
    ```

    After:

    ```mlir
    %sizes = arith.constant dense<[8]> : tensor<1xi64>
    %last = arith.constant dense<[7]> : tensor<1xi64>
    %safe = linalg.generic … ins(%indices, %sizes, %last) {  // min(max(i < 0 ? i + size : i, 0), last)
    %r = tm_tensor.scatter {dimension_map = array<i64: 0>} … ins(%updates, %safe : …) outs(%x : tensor<8x4xf32>)
    ```
    """

    name: ClassVar[str] = "infer-guard-scatters"

    def run(self, module: ir.Operation) -> None:
        """Every scatter is guarded; where the index comes from is not looked at."""
        for scatter in operations(module, "tm_tensor.scatter"):
            op = scatter.operation
            axes = list(ir.DenseI64ArrayAttr(op.attributes["dimension_map"]))
            updates, indices, target = (operand.type for operand in op.operands)
            # Updates with as many dims as the target (and the batch) write a window; else one element of each axis.
            whole = updates.rank == target.rank + 1
            with op.location, ir.InsertionPoint(op):
                element = indices.element_type
                sizes = [_size(op.operands[2], axis, element) for axis in axes]
                windows = [_size(op.operands[0], axis + 1, element) if whole else 1 for axis in axes]
                last = [_last(size, window, element) for size, window in zip(sizes, windows, strict=True)]
                op.operands[1] = _guarded(op.operands[1], indices, _tensor(sizes, element), _tensor(last, element))


def _size(value: ir.Value, axis: int, element: ir.Type) -> "int | ir.Value":
    kind: Any = value.type
    if not kind.is_dynamic_dim(axis):
        return kind.shape[axis]
    return arith.index_cast(element, tensor.dim(value, arith.constant(ir.IndexType.get(kind.context), axis)))


def _last(size: "int | ir.Value", window: "int | ir.Value", element: ir.Type) -> "int | ir.Value":
    if isinstance(size, int) and isinstance(window, int):
        return max(size - window, 0)
    both = [arith.constant(element, each) if isinstance(each, int) else each for each in (size, window)]
    return arith.maxsi(arith.subi(*both), arith.constant(element, 0))


def _guarded(indices: ir.Value, kind: Any, sizes: ir.Value, last: ir.Value) -> ir.Value:
    element = kind.element_type
    limits = [sizes, last]
    index = ir.IndexType.get(kind.context)
    empty = tensor.empty(
        [
            tensor.dim(indices, arith.constant(index, axis)) if kind.is_dynamic_dim(axis) else kind.shape[axis]
            for axis in range(kind.rank)
        ],
        element,
    )
    row, column = ir.AffineDimExpr.get(0), ir.AffineDimExpr.get(1)
    whole, by_axis = ir.AffineMap.get(2, 0, [row, column]), ir.AffineMap.get(2, 0, [column])
    maps = ir.ArrayAttr.get([ir.AffineMapAttr.get(each) for each in (whole, by_axis, by_axis, whole)])
    parallel = ir.Attribute.parse("#linalg.iterator_type<parallel>")
    generic = linalg.GenericOp(
        [kind], [indices, *limits], [empty], indexing_maps=maps, iterator_types=ir.ArrayAttr.get([parallel, parallel])
    )
    body = generic.regions[0].blocks.append(*[element] * 4)
    with ir.InsertionPoint(body):
        index, size, highest, _ = body.arguments
        zero = arith.constant(element, 0)
        negative = arith.cmpi(arith.CmpIPredicate.slt, index, zero)
        wrapped = arith.select(negative, arith.addi(index, size), index)
        linalg.YieldOp([arith.minsi(arith.maxsi(wrapped, zero), highest)])
    return generic.results[0]


def _tensor(values: "list[int | ir.Value]", element: ir.Type) -> ir.Value:
    kind = ir.RankedTensorType.get([len(values)], element)
    if all(isinstance(value, int) for value in values):
        return arith.constant(kind, ir.Attribute.parse(f"dense<{values}> : {kind}"))
    known = [arith.constant(element, value) if isinstance(value, int) else value for value in values]
    return tensor.from_elements(kind, known)
