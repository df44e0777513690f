"""The arithmetic that gives a quantized matrix its values back: inside the product that reads it, or before it."""

from dataclasses import dataclass
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, tensor

from ..elementwise import elementwise, reshaped, sizes_of, summed


@dataclass(frozen=True)
class Quantized:
    """A matrix of `columns` columns as integers, `w ≈ (q - zero) * scale`, in groups of `group` columns of a row.

    `q` is [rows, columns], or in tiles [⌈rows/n0⌉, columns, n0, 1]; `scale` and `zero` have a column for each group.
    """

    q: ir.Value
    scale: ir.Value
    zero: ir.Value | None
    columns: int
    group: int

    @property
    def groups(self) -> int:
        """How many groups a row has."""
        return self.columns // self.group


def widened(matrix: Quantized) -> ir.Value:
    """The f32 matrix, in the layout of its integers: a copy of it, made on every call."""
    first, _, *tile = ir.RankedTensorType(matrix.q.type).shape
    shape = [first, matrix.groups, matrix.group, *tile]
    behind = [[axis] for axis in range(3, len(shape))]
    q = reshaped(matrix.q, shape, [[0], [1, 2], *behind])
    per_group = [0, 1, *range(3, len(shape))]
    inputs = [(q, range(len(shape))), *((each, per_group) for each in _factors(matrix))]
    wide = elementwise(inputs, shape, ir.F32Type.get(), _value)
    return reshaped(wide, [first, matrix.columns, *tile], [[0], [1, 2], *behind])


def product(mmt4d: Any, matrix: Quantized, *, left: bool = False) -> ir.Value:
    """What the f32 `linalg.mmt4d` of tiles [m1, k, m0, 1] and the matrix in tiles gives, at the insertion point.

    The integers are multiplied as they lie, and the sum of each group is scaled. With several groups the sums lie in
    memory for a while, `groups` times the result; the number of rows must be known then. On the `left`, as kernels of
    convolutions stand, the matrix has one group.
    """
    x, zeros = mmt4d.operands[1 if left else 0], mmt4d.operands[2]
    # Of the tiles' dimensions the last is 1.
    factors = [_without_last(each) for each in _factors(matrix)]
    totals = [_sums_of_inputs(x, matrix)] if matrix.zero is not None else []
    if matrix.groups == 1:
        sums = linalg.mmt4d(*((matrix.q, x) if left else (x, matrix.q)), outs=[zeros])
        of_x, of_matrix = ([1, 3], [0, 2]) if left else ([0, 2], [1, 3])
        inputs = [(sums, [0, 1, 2, 3]), *((_squeezed(each), of_matrix) for each in factors)]
        inputs += [(each, of_x) for each in totals]
        return elementwise(inputs, sizes_of(sums, range(4)), ir.F32Type.get(), _scaled)
    sums = _sums_of_groups(x, matrix)
    inputs = [(sums, [4, 0, 1, 2, 3]), *((each, [1, 4, 3]) for each in factors)]
    inputs += [(each, [0, 4, 2]) for each in totals]
    return summed(inputs, zeros, 1, _scaled)


def _sums_of_groups(x: ir.Value, matrix: Quantized) -> ir.Value:
    """[groups, m1, n1, m0, n0]: of each group the sum of its products."""
    m1, _, m0, _ = ir.RankedTensorType(x.type).shape
    n1, _, n0, _ = ir.RankedTensorType(matrix.q.type).shape
    zero = arith.constant(ir.F32Type.get(), 0.0)
    zeros = linalg.fill(zero, outs=[tensor.empty([matrix.groups, m1, n1, m0, n0], ir.F32Type.get())])
    inputs = [(_in_groups(x, matrix), [1, 0, 5, 3]), (_in_groups(matrix.q, matrix), [2, 0, 5, 4])]
    return summed(inputs, zeros, 1, lambda a, q: arith.mulf(a, arith.sitofp(ir.F32Type.get(), q)))


def _sums_of_inputs(x: ir.Value, matrix: Quantized) -> ir.Value:
    """What a zero point is taken from as many times: the sums of x, [m1, m0], or of each group, [m1, groups, m0]."""
    f32 = ir.F32Type.get()
    zero = arith.constant(f32, 0.0)
    if matrix.groups == 1:
        zeros = linalg.fill(zero, outs=[tensor.empty(sizes_of(x, [0, 2]), f32)])
        return summed([(_without_last(x), [0, 2, 1])], zeros, 1, lambda a: a)
    m1, _, m0, _ = ir.RankedTensorType(x.type).shape
    zeros = linalg.fill(zero, outs=[tensor.empty([m1, matrix.groups, m0], f32)])
    return summed([(_in_groups(x, matrix), [0, 1, 3, 2])], zeros, 1, lambda a: a)


def _in_groups(tiles: ir.Value, matrix: Quantized) -> ir.Value:
    """Tiles [a, columns, b, 1] as [a, groups, group, b]."""
    flat = _without_last(tiles)
    first, _, tile = ir.RankedTensorType(flat.type).shape
    return reshaped(flat, [first, matrix.groups, matrix.group, tile], [[0], [1, 2], [3]])


def _without_last(tiles: ir.Value) -> ir.Value:
    kind = ir.RankedTensorType(tiles.type)
    return reshaped(
        tiles, list(kind.shape)[:-1], [*([axis] for axis in range(kind.rank - 2)), [kind.rank - 2, kind.rank - 1]]
    )


def _squeezed(factor: ir.Value) -> ir.Value:
    """[n1, 1, n0] as [n1, n0]."""
    n1, _, n0 = ir.RankedTensorType(factor.type).shape
    return reshaped(factor, [n1, n0], [[0, 1], [2]])


def _factors(matrix: Quantized) -> list[ir.Value]:
    return [matrix.scale, *([matrix.zero] if matrix.zero is not None else [])]


def _value(q: ir.Value, scale: ir.Value, zero: ir.Value | None = None) -> ir.Value:
    """`(q - zero) * scale`."""
    f32 = ir.F32Type.get()
    wide = arith.sitofp(f32, q)
    return arith.mulf(arith.subf(wide, arith.sitofp(f32, zero)) if zero is not None else wide, scale)


def _scaled(value: ir.Value, scale: ir.Value, zero: ir.Value | None = None, total: ir.Value | None = None) -> ir.Value:
    """`(value - zero * total) * scale`, of a sum of products and the sum of the inputs."""
    if zero is not None and total is not None:
        value = arith.subf(value, arith.mulf(arith.sitofp(ir.F32Type.get(), zero), total))
    return arith.mulf(value, scale)
