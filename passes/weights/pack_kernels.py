"""Packing the kernels of convolutions: a convolution becomes a product in tiles, the kernel on its left."""

from collections.abc import Sequence
from math import prod
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, scf, tensor

from ...dialects.layout import Mmt4d
from ...dialects.transforms import Reshape
from ..elementwise import elementwise, reshaped, sizes_of
from .convolutions import LARGEST_BATCH, Convolution
from .derive import derive, packed
from .unfolding import columns


def pack_kernel(weight: Any, uses: Sequence[Convolution], tile: tuple[int, int, int], *, by_layout: bool) -> None:
    """Have the convolutions read `weight`, their kernel, as a matrix [(G), F, K] in tiles.

    `tile` is m0, n0, k0 of the pass: at most n0 rows of the kernel, fewer where a group has fewer, times at most m0
    output elements. `by_layout`: see `packed`.

    Before:

    ```mlir
    %y = linalg.conv_2d_nchw_fchw {strides = 2} ins(%x, %w : tensor<1x4x9x9xf32>, tensor<20x4x3x3xf32>) outs(%bias)
    ```

    After:

    ```mlir
    %w = "infer.weight"() {key = "w|reshape[20,36]", layout = "mmt4d[16,1]", …} : () -> tensor<2x36x16x1xf32>
    %c = linalg.generic {(n, c, i, j, h, w) from %x at (n, c, 2h + i, 2w + j)} : tensor<1x4x3x3x4x4xf32>
    %p = linalg.pack %c collapsed inner_dims_pos = [2, 1] inner_tiles = [16, 1] : … -> tensor<1x36x16x1xf32>
    %a = linalg.mmt4d ins(%w, %p) outs(%zero : tensor<2x1x16x16xf32>)
    %u = linalg.unpack %a … into tensor<1x20x16xf32>, expanded : tensor<1x20x4x4xf32>
    %y = %u + %bias
    ```
    """
    m0, n0, k0 = tile
    groups, kernel = uses[0].groups, uses[0].kernel
    matrix = (*([groups] if groups else []), kernel[0], prod(kernel[1:]))
    with weight.location, ir.InsertionPoint(weight):
        plain = derive(weight, Reshape(matrix))
        tiles = packed(plain, Mmt4d(min(n0, _power(kernel[0])), k0), by_layout=by_layout).results[0]
        plain.operation.erase()
    cuts = {use.owner for use in weight.results[0].uses if use.owner.operation.name == "tensor.expand_shape"}
    for each in uses:
        result = each.op.operation.results[0]
        with each.op.location, ir.InsertionPoint(each.op):
            result.replace_all_uses_with(_convolved(each, tiles, m0))
        each.op.operation.erase()
    for cut in cuts:
        cut.operation.erase()
    weight.operation.erase()


def _convolved(each: Convolution, kernel: ir.Value, m0: int) -> ir.Value:
    images = each.images
    at_once = images is not None and (each.is_pointwise or images == 1 or images * each.unfolded <= LARGEST_BATCH)
    sums = _product(each, each.x, kernel, m0) if at_once else _one_by_one(each, kernel, m0)
    if each.starts_from_zero:
        return sums
    axes = range(ir.RankedTensorType(sums.type).rank)
    shape = sizes_of(each.init, axes)
    return elementwise([(sums, axes), (each.init, axes)], shape, ir.F32Type.get(), arith.addf)


def _one_by_one(each: Convolution, kernel: ir.Value, m0: int) -> ir.Value:
    """All images, one after the other: what is unfolded is that of one."""
    result = ir.RankedTensorType(each.op.operation.results[0].type)
    index = ir.IndexType.get()
    zero, one = arith.constant(index, 0), arith.constant(index, 1)
    (count,) = sizes_of(each.x, [0])
    count = arith.constant(index, count) if isinstance(count, int) else count
    start = tensor.empty(sizes_of(each.init, range(result.rank)), result.element_type)
    loop = scf.ForOp(zero, count, one, [start])
    with ir.InsertionPoint(loop.body):
        image = _slice(each.x, loop.induction_variable)
        sums = _product(each, image, kernel, m0)
        shape = list(ir.RankedTensorType(sums.type).shape)
        offsets, steps = _at(len(shape)), [1] * len(shape)
        into = loop.inner_iter_args[0]
        scf.YieldOp([tensor.insert_slice(sums, into, [loop.induction_variable], [], [], offsets, shape, steps)])
    return loop.results[0]


def _slice(x: ir.Value, number: ir.Value) -> ir.Value:
    kind = ir.RankedTensorType(x.type)
    shape = [1, *list(kind.shape)[1:]]
    image = ir.RankedTensorType.get(shape, kind.element_type)
    return tensor.extract_slice(image, x, [number], [], [], _at(kind.rank), shape, [1] * kind.rank)


def _at(rank: int) -> list[int]:
    """Offsets of which a value gives the first."""
    return [ir.ShapedType.get_dynamic_stride_or_offset(), *[0] * (rank - 1)]


def _product(each: Convolution, x: ir.Value, kernel: ir.Value, m0: int) -> ir.Value:
    """[N, (G), F, output…]: the sums of N images, a number that is known."""
    f32 = ir.F32Type.get()
    read = columns(each, x)
    images, *group, k, p = ir.RankedTensorType(read.type).shape
    f1, k1, n0, k0 = ir.RankedTensorType(kernel.type).shape[-4:]
    m0 = min(m0, _power(p))
    p1, features = -(-p // m0), each.kernel[0]
    zero = arith.constant(f32, 0.0)
    # The images stand beside their tiles: for the product they are more of them.
    packed_x = linalg.pack(
        read,
        tensor.empty([*group, images, p1, k1, m0, k0], f32),
        [len(group) + 2, len(group) + 1],
        [m0, k0],
        outer_dims_perm=[1, 0, 3, 2] if group else [0, 2, 1],
        padding_value=zero if p % m0 or k % k0 else None,
    )
    lead = len(group)
    before = [[axis] for axis in range(lead)]
    tiles = reshaped(
        packed_x, [*group, images * p1, k1, m0, k0], [*before, [lead, lead + 1], *([lead + axis] for axis in (2, 3, 4))]
    )
    accumulator = linalg.fill(zero, outs=[tensor.empty([*group, f1, images * p1, n0, m0], f32)])
    multiply = linalg.batch_mmt4d if group else linalg.mmt4d
    product = reshaped(
        multiply(kernel, tiles, outs=[accumulator]),
        [*group, f1, images, p1, n0, m0],
        [*before, [lead], [lead + 1, lead + 2], [lead + 3], [lead + 4]],
    )
    sums = linalg.unpack(
        product,
        tensor.empty([images, *group, features, p], f32),
        [lead + 1, lead + 2],
        [n0, m0],
        outer_dims_perm=[1, 2, 0, 3] if group else [1, 0, 2],
    )
    if len(each.output) == 1:
        return sums
    places = [lead + 2 + axis for axis in range(len(each.output))]
    return reshaped(sums, [images, *group, features, *each.output], [*([axis] for axis in range(lead + 2)), places])


def _power(number: int) -> int:
    """The least power of two that is not less."""
    return 1 << (number - 1).bit_length()
