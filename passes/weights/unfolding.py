"""Convolutions as products: the windows of the images as the columns of a matrix (im2col)."""

from collections.abc import Sequence
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, tensor

from ..elementwise import collapsed, sizes_of
from .convolutions import Convolution


def columns(each: Convolution, x: ir.Value) -> ir.Value:
    """[N, (G), K, P], f32: of every output element (P) all that its window reads (K, channels first).

    `x` are images of `each`, as many as they may be. Where a window is one element and there are no strides, the images
    are the columns, and nothing moves.
    """
    kind = ir.RankedTensorType(x.type)
    lead = 3 if each.groups else 2
    spatial = len(each.window)
    in_front = [[axis] for axis in range(lead - 1)]
    if each.is_pointwise and list(kind.shape)[lead:] == list(each.output):
        return collapsed(_widened(x), [*in_front, [lead - 1], list(range(lead, kind.rank))])
    windows = list(range(lead - 1, lead + spatial))
    places = list(range(lead + spatial, lead + 2 * spatial))
    return collapsed(_windows(each, x, lead), [*in_front, windows, places])


def _windows(each: Convolution, x: ir.Value, lead: int) -> ir.Value:
    """[N, (G), C, window…, output…], f32: element (w, o) is x at o * stride + w * dilation.

    Not a slice of x by strides where the window is one element: IREE fails on some that are packed.
    """
    sides = list(zip(each.output, each.strides, each.window, each.dilations, strict=True))
    reach = [(output - 1) * stride + (window - 1) * dilation + 1 for output, stride, window, dilation in sides]
    x = _cropped(x, reach)  # IREE takes an image for wrong that is larger than what the windows reach
    sizes = [*sizes_of(x, range(lead)), *each.window, *each.output]
    dims = [ir.AffineExpr.get_dim(axis) for axis in range(len(sizes))]
    read = [
        dims[lead + len(sides) + axis] * stride + dims[lead + axis] * dilation
        for axis, (_, stride, _, dilation) in enumerate(sides)
    ]
    maps = [ir.AffineMap.get(len(sizes), 0, [*dims[:lead], *read]), ir.AffineMap.get_identity(len(sizes))]
    f32 = ir.F32Type.get(x.context)
    init = tensor.empty(sizes, f32)
    generic: Any = linalg.GenericOp(
        [init.type],
        [x],
        [init],
        ir.ArrayAttr.get([ir.AffineMapAttr.get(every) for every in maps]),
        ir.ArrayAttr.get([ir.Attribute.parse("#linalg.iterator_type<parallel>")] * len(sizes)),
    )
    element = ir.RankedTensorType(x.type).element_type
    block = generic.regions[0].blocks.append(element, f32)
    with ir.InsertionPoint(block):
        value = block.arguments[0]
        linalg.YieldOp([value if element == f32 else arith.extf(f32, value)])
    return generic.results[0]


def _widened(x: ir.Value) -> ir.Value:
    kind = ir.RankedTensorType(x.type)
    f32 = ir.F32Type.get(x.context)
    return x if kind.element_type == f32 else arith.extf(ir.RankedTensorType.get(kind.shape, f32), x)


def _cropped(x: ir.Value, sizes: Sequence[int]) -> ir.Value:
    """The first `sizes` elements of the last dimensions."""
    kind = ir.RankedTensorType(x.type)
    lead = kind.rank - len(sizes)
    if list(kind.shape)[lead:] == list(sizes):
        return x
    shape = [*list(kind.shape)[:lead], *sizes]
    unknown = [each for each in sizes_of(x, range(lead)) if not isinstance(each, int)]
    result = ir.RankedTensorType.get(shape, kind.element_type)
    return tensor.extract_slice(result, x, [], unknown, [], [0] * kind.rank, shape, [1] * kind.rank)
