"""`infer-pack-weights`: matrix products with a weight read it in the layout that the machine's kernels want."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, tensor

from infc.errors import CompileError

from ..dialects.infer import Weight
from ..dialects.layout import Mmt4d
from .base import Pass
from .contractions import is_zero_fill
from .derive import packed
from .walk import operations

LARGEST_TILE = 256


@dataclass(frozen=True)
class PackWeights(Pass):
    """Turn `matmul(x, weight)` into `pack(x)`, `mmt4d` with a packed weight, `unpack`.

    The packing of the weight happens when the slab is written, not when the model runs: the slab holds it as tiles of
    `n0`×`k0`, in one layout whatever the number of rows of `x` is. `x` is cut into tiles of at most `m0` rows; fewer
    when it is known to have fewer. Taken are f32 matrices of which the weight is the right side, as it lies or
    transposed, and whose other uses are the same: a weight that something else reads in its logical shape stays as it
    is. With `by_layout=1` a packed weight is called after its layout too, `w@mmt4d[16,1]`, so that one slab can hold it
    for programs that want it in several.

    Before:

    ```mlir
    %t = linalg.transpose ins(%w : tensor<768x768xf32>) outs(%e : …) permutation = [1, 0]
    %y = linalg.matmul ins(%x, %t : tensor<128x768xf32>, tensor<768x768xf32>) outs(%zero : tensor<128x768xf32>)
    ```

    After:

    ```mlir
    %w = "infer.weight"() {…, layout = "mmt4d[16,1]", logical = tensor<768x768xf32>} : () -> tensor<48x768x16x1xf32>
    %p = linalg.pack %x inner_dims_pos = [0, 1] inner_tiles = [16, 1] into %e : … -> tensor<8x768x16x1xf32>
    %a = linalg.mmt4d ins(%p, %w : …) outs(%zero : tensor<8x48x16x16xf32>)
    %y = linalg.unpack %a inner_dims_pos = [0, 1] inner_tiles = [16, 16] into %e : … -> tensor<128x768xf32>
    ```
    """

    name: ClassVar[str] = "infer-pack-weights"
    m0: int = 16
    n0: int = 16
    k0: int = 1
    by_layout: int = 0

    def __post_init__(self) -> None:
        for option in ("m0", "n0", "k0"):
            if not 1 <= getattr(self, option) <= LARGEST_TILE:
                raise CompileError(
                    f"pass {self.name}: option {option} is {getattr(self, option)}, expected 1 to {LARGEST_TILE}",
                    hint=f"for example {self.name}{{m0=16 n0=16 k0=1}}",
                    stage=self.name,
                )

        if self.by_layout not in (0, 1):
            raise CompileError(
                f"pass {self.name}: option by-layout is {self.by_layout}, expected 0 or 1", stage=self.name
            )

    def run(self, module: ir.Operation) -> None:
        """Weights that do not fit the pattern are left alone."""
        for weight in operations(module, Weight.OPERATION_NAME):
            products = _products(weight)
            if products:
                self._pack(weight, products)

    def _pack(self, weight: Any, products: "list[_Product]") -> None:
        layout = Mmt4d(self.n0, self.k0, transposed=not products[0].transposes)
        with weight.location, ir.InsertionPoint(weight):
            replacement = packed(weight, layout, by_layout=bool(self.by_layout))
        for product in products:
            self._rewrite(product, replacement.results[0])
        for product in products:
            for op in (product.matmul, *product.transposes):
                if not any(True for _ in op.operation.results[0].uses):
                    op.operation.erase()
        weight.operation.erase()

    def _rewrite(self, product: "_Product", weight: ir.Value) -> None:
        matmul = product.matmul
        x, result = matmul.operands[0], matmul.results[0]
        n = result.type.shape[1]
        k = x.type.shape[1]
        element = result.type.element_type
        n1, k1 = weight.type.shape[:2]
        with matmul.location, ir.InsertionPoint(matmul):
            m, m0, m1 = self._rows(x)
            zero = arith.constant(element, 0.0)
            needs_padding = not isinstance(m, int) or m % m0 or k % self.k0
            packed_x = linalg.pack(
                x,
                tensor.empty([m1, k1, m0, self.k0], element),
                [0, 1],
                [m0, self.k0],
                padding_value=zero if needs_padding else None,
            )
            accumulator = linalg.fill(zero, outs=[tensor.empty([m1, n1, m0, self.n0], element)])
            tiles = linalg.mmt4d(packed_x, weight, outs=[accumulator])
            unpacked = linalg.unpack(tiles, tensor.empty([m, n], element), [0, 1], [m0, self.n0])
        result.replace_all_uses_with(unpacked)

    def _rows(self, x: ir.Value) -> "tuple[int | ir.Value, int, int | ir.Value]":
        """How many rows `x` has, how many a tile has, and how many tiles there are."""
        if not x.type.is_dynamic_dim(0):
            m = x.type.shape[0]
            m0 = min(self.m0, 1 << (m - 1).bit_length())
            return m, m0, -(-m // m0)
        index = ir.IndexType.get(x.context)
        rows = tensor.dim(x, arith.constant(index, 0))
        return rows, self.m0, arith.ceildivui(rows, arith.constant(index, self.m0))


@dataclass(frozen=True)
class _Product:
    """A matmul whose right side is the weight, through the transposes given (none, or one)."""

    matmul: Any
    transposes: tuple[Any, ...] = ()


def _products(weight: Any) -> list[_Product]:
    """All uses of the weight when every one is a product that can be packed, all of one orientation; else nothing."""
    kind = weight.results[0].type
    if weight.layout.value != "row_major" or kind.rank != 2 or str(kind.element_type) != "f32":
        return []
    found: list[_Product] = []
    for use in weight.results[0].uses:
        op = use.owner
        if op.operation.name == "linalg.transpose" and use.operand_number == 0:
            inner = [u.owner for u in op.results[0].uses]
            if not all(_is_product(user, op.results[0]) for user in inner):
                return []
            found += [_Product(user, (op,)) for user in inner]
        elif _is_product(op, weight.results[0]):
            found.append(_Product(op))
        else:
            return []
    return found if len({bool(product.transposes) for product in found}) == 1 else []


def _is_product(op: Any, right: ir.Value) -> bool:
    if op.operation.name != "linalg.matmul" or op.operands[1] != right or op.operands[0] == right:
        return False
    if "cast" in op.attributes or not _is_plain_matmul(op):
        return False
    left, result = op.operands[0].type, op.results[0].type
    return not left.is_dynamic_dim(1) and left.element_type == result.element_type and is_zero_fill(op.operands[2])


def _is_plain_matmul(op: Any) -> bool:
    maps = [str(entry) for entry in op.attributes["indexing_maps"]] if "indexing_maps" in op.attributes else []
    plain = ("(d0, d2)", "(d2, d1)", "(d0, d1)")
    return not maps or all(f"-> {want}" in have for want, have in zip(plain, maps, strict=True))
