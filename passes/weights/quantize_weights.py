"""`infer-quantize-weights`: matrices are stored as integers of 8 or 4 bits, with a scale for each group of them."""

from dataclasses import dataclass
from math import gcd
from typing import Any, ClassVar

from torch_mlir import ir

from infc.errors import CompileError

from ...dialects.infer import Weight
from ...dialects.layout import Mmt4d, RowMajor, parse_layout
from ...dialects.transforms import Permute, Quantize
from ..base import Pass
from ..walk import operations
from .contractions import is_zero_fill
from .dequantize import Quantized, product, widened
from .derive import derive

SMALLEST_GROUP = 8


@dataclass(frozen=True)
class QuantizeWeights(Pass):
    """Store the f32 matrices of products as integers, `w ≈ (q - zero) * scale`; the activations stay as they are.

    Each output's row is cut into groups of `group` elements, or as many as divide the row and that (0: the whole row is
    one), which share a scale. With `scheme=sym` the zero point is 0, with `scheme=asym` it is a weight as well.
    Integers, scales and zero points are weights of the slab. Taken are weights that `infer-pack-weights` packed into
    tiles of k0 = 1, and those that only `linalg.transpose` reads; of these, those whose rows fall into groups of at
    least 8 and that have at least `at-least` elements.

    A product in tiles multiplies the integers as they lie and scales the sums, of each group one, where there is one
    group or `x` has at most twice as many rows as a group has elements. A kernel of a convolution, which is the
    product's left side, does so with one group. Everything else reads an f32 matrix that is made anew on every call.

    Before:

    ```mlir
    %w = "infer.weight"() {key = "w", layout = "mmt4d[16,1]", …} : () -> tensor<48x768x16x1xf32>
    %y = linalg.mmt4d ins(%x, %w : …) outs(%zeros : tensor<8x48x16x16xf32>)
    ```

    After, for 8 bits and whole rows:

    ```mlir
    %q = "infer.weight"() {key = "w|quantize[q,8,768,sym]", …} : () -> tensor<48x768x16x1xi8>
    %s = "infer.weight"() {key = "w|quantize[scale,8,768,sym]", …} : () -> tensor<48x1x16x1xf32>
    %t = linalg.mmt4d ins(%x, %q : …) outs(%zeros : tensor<8x48x16x16xf32>)
    %y = linalg.generic … ins(%t, %s as 48x16) { arith.mulf }
    ```
    """

    name: ClassVar[str] = "infer-quantize-weights"
    bits: int = 8
    group: int = 0
    scheme: str = "sym"
    at_least: int = 1024

    def __post_init__(self) -> None:
        wrong = None
        if self.bits not in (4, 8):
            wrong = f"bits is {self.bits}, expected 4 or 8"
        elif self.group != 0 and self.group < SMALLEST_GROUP:
            wrong = f"group is {self.group}, expected {SMALLEST_GROUP} or more, or 0 for the whole row"
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
            if _is_taken(weight, layout, self):
                transposed = isinstance(layout, Mmt4d) and layout.transposed
                columns = weight.logical.value.shape[0 if transposed else 1]
                group = gcd(self.group, columns)
                if group == columns or group >= SMALLEST_GROUP:
                    self._quantize(weight, layout, columns, group)

    def _quantize(self, weight: Any, layout: Mmt4d | RowMajor, columns: int, group: int) -> None:
        first = (Permute((1, 0)),) if isinstance(layout, Mmt4d) and layout.transposed else ()
        packed = Mmt4d(layout.n0, 1) if isinstance(layout, Mmt4d) else layout
        with weight.location, ir.InsertionPoint(weight):
            parts: dict[str, ir.Value] = {}
            for part in ("q", "scale", *(["zero"] if self.scheme == "asym" else [])):
                how = Quantize(part, self.bits, group, self.scheme)
                parts[part] = derive(weight, *first, how, layout=str(packed)).results[0]
        matrix = Quantized(parts["q"], parts["scale"], parts.get("zero"), columns, group)
        for use in [use.owner for use in weight.results[0].uses]:
            if _is_product(use, weight.results[0], matrix):
                with use.location, ir.InsertionPoint(use):
                    left = use.operands[0] == weight.results[0]
                    use.operation.results[0].replace_all_uses_with(product(use, matrix, left=left))
                use.operation.erase()
        if any(True for _ in weight.results[0].uses):
            with weight.location, ir.InsertionPoint(weight):
                wide = widened(matrix)
            weight.results[0].replace_all_uses_with(wide)
        weight.operation.erase()


def _is_product(op: Any, weight: ir.Value, matrix: Quantized) -> bool:
    """Whether `op` is a product in tiles whose sums of groups take at most twice the memory of the f32 matrix."""
    if op.operation.name != "linalg.mmt4d" or op.operands[2] == weight or op.operands[0] == op.operands[1]:
        return False
    left = op.operands[0] == weight
    x = ir.RankedTensorType(op.operands[1 if left else 0].type)
    if str(x.element_type) != "f32" or not is_zero_fill(op.operands[2]):
        return False
    if matrix.groups == 1:
        return True
    return not left and not x.is_dynamic_dim(0) and x.shape[0] * x.shape[2] <= 2 * matrix.group


def _is_taken(weight: Any, layout: Mmt4d | RowMajor, options: QuantizeWeights) -> bool:
    kind = ir.RankedTensorType(weight.logical.value)
    if str(kind.element_type) != "f32" or kind.rank != 2 or kind.shape[0] * kind.shape[1] < options.at_least:
        return False
    if isinstance(layout, Mmt4d):
        return layout.k0 == 1 and layout.n0 % 2 == 0
    if options.bits == 4 and kind.shape[1] % 2:
        return False  # a row would end within a byte
    users = [use.owner for use in weight.results[0].uses]
    return bool(users) and all(user.operation.name == "linalg.transpose" for user in users)
