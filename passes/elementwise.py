"""Building elementwise `linalg.generic`s, and telling what one that is there computes."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, tensor

Axes = tuple[ir.Value, Sequence[int]]
Size = int | ir.Value


def elementwise(
    inputs: Sequence[Axes], shape: "Sequence[int | ir.Value]", element: ir.Type, body: Callable[..., ir.Value]
) -> ir.Value:
    """A tensor of `shape` whose every element is `body` of one element of each input.

    An input is a tensor and, for each of its dimensions, the dimension of the result that it goes along with.
    """
    return _generic(inputs, tensor.empty(shape, element), 0, lambda *values: body(*values[:-1]))


def summed(inputs: Sequence[Axes], init: ir.Value, reduced: int, body: Callable[..., ir.Value]) -> ir.Value:
    """`init` plus the sums of `body` of one element of each input over `reduced` more dimensions, which come last."""
    return _generic(inputs, init, reduced, lambda *values: arith.addf(values[-1], body(*values[:-1])))


def _generic(inputs: Sequence[Axes], init: ir.Value, reduced: int, body: Callable[..., ir.Value]) -> ir.Value:
    kind = ir.RankedTensorType(init.type)
    loops = kind.rank + reduced
    all_axes = [*(axes for _, axes in inputs), range(kind.rank)]
    maps = [ir.AffineMap.get(loops, 0, [ir.AffineExpr.get_dim(axis) for axis in axes]) for axes in all_axes]
    iterators = ["parallel"] * kind.rank + ["reduction"] * reduced
    generic = linalg.GenericOp(
        [kind],
        [value for value, _ in inputs],
        [init],
        ir.ArrayAttr.get([ir.AffineMapAttr.get(each) for each in maps]),
        ir.ArrayAttr.get([ir.Attribute.parse(f"#linalg.iterator_type<{each}>") for each in iterators]),
    )
    kinds = [ir.RankedTensorType(value.type).element_type for value in (*(value for value, _ in inputs), init)]
    block = generic.regions[0].blocks.append(*kinds)
    with ir.InsertionPoint(block):
        linalg.YieldOp([body(*block.arguments)])
    return generic.results[0]


def reshaped(value: ir.Value, shape: "Sequence[int | ir.Value]", groups: Sequence[Sequence[int]]) -> ir.Value:
    """`value` under `shape`; `groups` are the dimensions of the larger of both shapes that are one of the smaller's."""
    kind = ir.RankedTensorType(value.type)
    known = [each if isinstance(each, int) else ir.ShapedType.get_dynamic_size() for each in shape]
    result = ir.RankedTensorType.get(known, kind.element_type)
    if len(shape) > kind.rank:
        values = [each for each in shape if not isinstance(each, int)]
        return tensor.expand_shape(result, value, [list(group) for group in groups], values, known)
    return tensor.collapse_shape(result, value, [list(group) for group in groups])


def collapsed(value: ir.Value, groups: Sequence[Sequence[int]]) -> ir.Value:
    """`value` with the dimensions of each of `groups` as one, of a size that is not known where one of them is not."""
    kind = ir.RankedTensorType(value.type)
    if len(groups) == kind.rank:
        return value
    dynamic = ir.ShapedType.get_dynamic_size()
    sizes = [
        dynamic if any(kind.is_dynamic_dim(axis) for axis in group) else prod(kind.get_dim_size(axis) for axis in group)
        for group in groups
    ]
    return tensor.collapse_shape(ir.RankedTensorType.get(sizes, kind.element_type), value, [list(g) for g in groups])


def sizes_of(value: ir.Value, axes: Sequence[int]) -> list[int | ir.Value]:
    """The sizes of a tensor along `axes`; a value, made at the insertion point, for one that is not known."""
    kind = ir.RankedTensorType(value.type)
    index = ir.IndexType.get(value.context)
    return [
        tensor.dim(value, arith.constant(index, axis)) if kind.is_dynamic_dim(axis) else kind.get_dim_size(axis)
        for axis in axes
    ]


def single_op(generic: Any) -> Any:
    """The one operation that `generic` computes for every element; None when it computes several or is none such."""
    if generic.operation.name != "linalg.generic" or len(generic.operation.results) != 1:
        return None
    if any("parallel" not in str(kind) for kind in generic.operation.attributes["iterator_types"]):
        return None
    body = list(generic.operation.regions[0].blocks[0].operations)
    if len(body) != 2 or body[1].operation.operands[0] != _result(body[0]):
        return None
    return body[0]


def maps_of(generic: Any) -> list[str]:
    """The indexing maps of `generic`, inputs first, each as its text `(d0, d1) -> (d1)`."""
    return [str(each).removeprefix("affine_map<").removesuffix(">") for each in generic.attributes["indexing_maps"]]


def _result(op: Any) -> ir.Value | None:
    return op.operation.results[0] if len(op.operation.results) == 1 else None
