"""Convolutions as products: the windows of the images as the columns of a matrix (im2col)."""

from collections.abc import Sequence
from math import prod
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, tensor

from ..elementwise import sizes_of
from .convolutions import Convolution


def columns(each: Convolution, x: ir.Value) -> ir.Value:
    """[N, (G), K, P], f32: of every output element (P) all that its window reads (K, channels first).

    `x` are images of `each`, as many as they may be. A window of one element is a slice of them, and nothing moves.
    """
    kind = ir.RankedTensorType(x.type)
    f32 = ir.F32Type.get(x.context)
    if kind.element_type != f32:  # once here, and not for every window that reads the element
        kind = ir.RankedTensorType.get(kind.shape, f32)
        x = arith.extf(kind, x)
    lead = 3 if each.groups else 2
    in_front = [[axis] for axis in range(lead - 1)]
    if each.is_pointwise:
        places = list(range(lead, kind.rank))
        return _joined(_every(x, each.strides, each.output), [*in_front, [lead - 1], places])
    spatial = len(each.window)
    windows = list(range(lead - 1, lead + spatial))
    places = list(range(lead + spatial, lead + 2 * spatial))
    return _joined(_windows(each, x, lead), [*in_front, windows, places])


def _windows(each: Convolution, x: ir.Value, lead: int) -> ir.Value:
    """[N, (G), C, window…, output…]: element (w, o) is x at o * stride + w * dilation."""
    spatial = len(each.window)
    sizes = [*sizes_of(x, range(lead)), *each.window, *each.output]
    dims = [ir.AffineExpr.get_dim(axis) for axis in range(len(sizes))]
    read = [
        dims[lead + spatial + axis] * each.strides[axis] + dims[lead + axis] * each.dilations[axis]
        for axis in range(spatial)
    ]
    maps = [ir.AffineMap.get(len(sizes), 0, [*dims[:lead], *read]), ir.AffineMap.get_identity(len(sizes))]
    init = tensor.empty(sizes, ir.F32Type.get(x.context))
    generic: Any = linalg.GenericOp(
        [init.type],
        [x],
        [init],
        ir.ArrayAttr.get([ir.AffineMapAttr.get(every) for every in maps]),
        ir.ArrayAttr.get([ir.Attribute.parse("#linalg.iterator_type<parallel>")] * len(sizes)),
    )
    f32 = ir.F32Type.get(x.context)
    block = generic.regions[0].blocks.append(f32, f32)
    with ir.InsertionPoint(block):
        linalg.YieldOp([block.arguments[0]])
    return generic.results[0]


def _every(x: ir.Value, strides: Sequence[int], output: Sequence[int]) -> ir.Value:
    """Of the last dimensions every `strides`-th element."""
    kind = ir.RankedTensorType(x.type)
    lead = kind.rank - len(output)
    if list(kind.shape)[lead:] == list(output) and prod(strides) == 1:
        return x
    shape = [*list(kind.shape)[:lead], *output]
    sizes = [each for each in sizes_of(x, range(lead)) if not isinstance(each, int)]
    steps = [*[1] * lead, *strides]
    result = ir.RankedTensorType.get(shape, kind.element_type)
    return tensor.extract_slice(result, x, [], sizes, [], [0] * kind.rank, shape, steps)


def _joined(value: ir.Value, groups: Sequence[Sequence[int]]) -> ir.Value:
    kind = ir.RankedTensorType(value.type)
    if len(groups) == kind.rank:
        return value
    dynamic = ir.ShapedType.get_dynamic_size()
    sizes = [
        dynamic if any(kind.is_dynamic_dim(axis) for axis in group) else prod(kind.get_dim_size(axis) for axis in group)
        for group in groups
    ]
    return tensor.collapse_shape(ir.RankedTensorType.get(sizes, kind.element_type), value, [list(g) for g in groups])
