"""`infer-quantize-weights`: matrices are stored as integers of 8 or 4 bits, with a scale for each group of them."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg

from infc.errors import CompileError

from ..dialects.infer import Weight
from ..dialects.layout import Mmt4d, RowMajor, parse_layout
from ..dialects.transforms import Permute, Quantize
from .base import Pass
from .derive import derive
from .elementwise import elementwise, reshaped
from .walk import operations


@dataclass(frozen=True)
class QuantizeWeights(Pass):
    """Store the f32 matrices of products as integers, `w ≈ (q - zero) * scale`; the activations stay as they are.

    Each output's row is cut into groups of `group` elements (0: the whole row), which share a scale. With
    `scheme=sym` the zero point is fixed, with `scheme=asym` it is a weight as well. Integers, scales and zero points
    are weights of the slab; the program computes the matrix from them before it is used. Taken are weights that
    `infer-pack-weights` packed into tiles of k0 = 1, and those that only `linalg.transpose` reads; of these, those
    whose rows fall into groups and that have at least `at-least` elements.

    Before:

    ```mlir
    %w = "infer.weight"() {key = "w", layout = "mmt4d[16,1]", …} : () -> tensor<48x768x16x1xf32>
    ```

    After, for 8 bits and groups of 32:

    ```mlir
    %q = "infer.weight"() {key = "w|quantize[q,8,32,sym]", …} : () -> tensor<48x768x16x1xi8>
    %s = "infer.weight"() {key = "w|quantize[scale,8,32,sym]", …} : () -> tensor<48x24x16x1xf32>
    %w = linalg.generic … ins(%q as 48x24x32x16x1, %s) { arith.sitofp, arith.mulf }
    ```
    """

    name: ClassVar[str] = "infer-quantize-weights"
    bits: int = 8
    group: int = 32
    scheme: str = "sym"
    at_least: int = 1024

    def __post_init__(self) -> None:
        wrong = None
        if self.bits not in (4, 8):
            wrong = f"bits is {self.bits}, expected 4 or 8"
        elif self.group < 0 or self.group % 2:
            wrong = f"group is {self.group}, expected an even number, or 0 for the whole row"
        elif self.scheme not in ("sym", "asym"):
            wrong = f"scheme is {self.scheme!r}, expected sym or asym"
        if wrong:
            raise CompileError(
                f"pass {self.name}: {wrong}", hint=f"for example {self.name}{{bits=4 group=32}}", stage=self.name
            )

    def run(self, module: ir.Operation) -> None:
        """Leaves what it cannot take alone."""
        for weight in operations(module, Weight.OPERATION_NAME):
            layout = parse_layout(weight.layout.value)
            if _is_taken(weight, layout, self.at_least):
                transposed = isinstance(layout, Mmt4d) and layout.transposed
                rows, columns = reversed(weight.logical.value.shape) if transposed else weight.logical.value.shape
                group = self.group or columns
                if group % 2 == 0 and columns % group == 0:
                    self._quantize(weight, layout, (rows, columns, group))

    def _quantize(self, weight: Any, layout: Mmt4d | RowMajor, sizes: tuple[int, int, int]) -> None:
        rows, columns, group = sizes
        first = (Permute((1, 0)),) if isinstance(layout, Mmt4d) and layout.transposed else ()
        packed = Mmt4d(layout.n0, 1) if isinstance(layout, Mmt4d) else layout
        # Beside rows and columns a tile has its rows, and a column of its own.
        tile = [layout.n0, 1] if isinstance(layout, Mmt4d) else []
        outer = -(-rows // layout.n0) if isinstance(layout, Mmt4d) else rows
        with weight.location, ir.InsertionPoint(weight):
            parts: dict[str, ir.Value] = {}
            for part in ("q", "scale", *(["zero"] if self.scheme == "asym" else [])):
                how = Quantize(part, self.bits, group, self.scheme)
                parts[part] = derive(weight, *first, how, layout=str(packed)).results[0]
            matrix = self._widened(parts, [outer, columns // group, group], tile)
        weight.results[0].replace_all_uses_with(matrix)
        weight.operation.erase()

    def _widened(self, parts: dict[str, ir.Value], sizes: list[int], tile: list[int]) -> ir.Value:
        """The matrix, `[outer, columns]` with the tile's dimensions behind, from its parts."""
        outer, groups, group = sizes
        f32 = ir.F32Type.get()
        halves = [2] if self.bits == 4 else []
        shape = [outer, groups, *halves, group // 2 if halves else group, *tile]
        per_group = [0, 1, *range(len(shape) - len(tile), len(shape))]
        stored = [axis for axis in range(len(shape)) if not (halves and axis == 2)]
        narrow = [outer, groups, *[shape[axis] for axis in stored[2:]]]
        rest = [[axis] for axis in range(3, len(narrow))]
        q = reshaped(parts["q"], narrow, [[0], [1, 2], *rest])
        inputs = [(q, stored), (parts["scale"], per_group)]
        if "zero" in parts:
            inputs.append((parts["zero"], per_group))
        wide = elementwise(inputs, shape, f32, self._element)
        columns = list(range(1, len(shape) - len(tile)))
        behind = [[axis] for axis in range(len(shape) - len(tile), len(shape))]
        return reshaped(wide, [outer, groups * group, *tile], [[0], columns, *behind])

    def _element(self, q: ir.Value, scale: ir.Value, zero: ir.Value | None = None) -> ir.Value:
        f32, i8 = ir.F32Type.get(), ir.IntegerType.get_signless(8)
        if self.bits == 8 and zero is None:
            return arith.mulf(arith.sitofp(f32, q), scale)
        if self.bits == 4:
            half = arith.index_cast(i8, linalg.IndexOp(ir.IntegerAttr.get(ir.IntegerType.get_signless(64), 2)).result)
            q = arith.andi(arith.shrui(q, arith.muli(half, arith.constant(i8, 4))), arith.constant(i8, 15))
        at_zero = arith.uitofp(f32, zero) if zero is not None else arith.constant(f32, 8.0)
        return arith.mulf(arith.subf(arith.uitofp(f32, q), at_zero), scale)


def _is_taken(weight: Any, layout: Mmt4d | RowMajor, at_least: int) -> bool:
    kind = ir.RankedTensorType(weight.logical.value)
    if str(kind.element_type) != "f32" or kind.rank != 2 or kind.shape[0] * kind.shape[1] < at_least:
        return False
    if isinstance(layout, Mmt4d):
        return layout.k0 == 1
    users = [use.owner for use in weight.results[0].uses]
    return bool(users) and all(user.operation.name == "linalg.transpose" for user in users)
