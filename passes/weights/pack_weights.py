"""`infer-pack-weights`: matrix products with a weight read it in the layout that the machine's kernels want."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, tensor

from infc.errors import CompileError

from ...dialects.infer import Weight
from ...dialects.layout import Mmt4d
from ..base import Pass
from ..walk import operations
from .contractions import Product, products_of
from .convolutions import convolutions_of
from .derive import packed
from .pack_kernels import pack_kernel

LARGEST_TILE = 256


@dataclass(frozen=True)
class PackWeights(Pass):
    """Turn `matmul(x, weight)` into `pack(x)`, `mmt4d` with a packed weight, `unpack`.

    The packing of the weight happens when the slab is written, not when the model runs: the slab holds it as tiles of
    `n0`×`k0`, in one layout whatever the number of rows of `x` is. `x` is cut into tiles of at most `m0` rows; fewer
    when it is known to have fewer. Taken are products, batched ones too, of which the weight is the right side, as it
    lies or transposed, in f32, f16 or bf16, summed up in f32, and whose other uses are the same: a weight that
    something else reads in its logical shape stays as it is. With `by_layout=1` a packed weight is called after its
    layout too, `w@mmt4d[16,1]`, so that one slab can hold it for programs that want it in several.

    A convolution that tiles make faster becomes a product as well: of its kernel, as a matrix, and of the windows of
    the images, written out (im2col). `convolutions.py` says which, `pack_kernels.py` shows what becomes of one.

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
            products = products_of(weight)
            if products:
                self._pack(weight, products)
            elif convolutions := convolutions_of(weight):
                pack_kernel(weight, convolutions, (self.m0, self.n0, self.k0), by_layout=bool(self.by_layout))

    def _pack(self, weight: Any, products: list[Product]) -> None:
        layout = Mmt4d(self.n0, self.k0, transposed=not products[0].transposes)
        with weight.location, ir.InsertionPoint(weight):
            replacement = packed(weight, layout, by_layout=bool(self.by_layout))
        for product in products:
            self._rewrite(product.matmul, replacement.results[0])
        for product in products:
            for op in (product.matmul, *product.between):
                if not any(True for _ in op.operation.results[0].uses):
                    op.operation.erase()
        weight.operation.erase()

    def _rewrite(self, matmul: Any, weight: ir.Value) -> None:
        x, result = matmul.operands[0], matmul.results[0]
        *batch, _, n = result.type.shape
        k = x.type.shape[-1]
        element = result.type.element_type
        n1, k1 = weight.type.shape[-4:-2]
        with matmul.location, ir.InsertionPoint(matmul):
            m, m0, m1 = self._rows(x)
            zero = arith.constant(element, 0.0)
            if x.type.element_type != element:  # it is widened here once, and not for every tile of the weight
                x = arith.extf(ir.RankedTensorType.get(x.type.shape, element), x)
            needs_padding = not isinstance(m, int) or m % m0 or k % self.k0
            places = [len(batch), len(batch) + 1]
            packed_x = linalg.pack(
                x,
                tensor.empty([*batch, m1, k1, m0, self.k0], element),
                places,
                [m0, self.k0],
                padding_value=zero if needs_padding else None,
            )
            accumulator = linalg.fill(zero, outs=[tensor.empty([*batch, m1, n1, m0, self.n0], element)])
            multiply = linalg.batch_mmt4d if batch else linalg.mmt4d
            tiles = multiply(packed_x, weight, outs=[accumulator])
            unpacked = linalg.unpack(tiles, tensor.empty([*batch, m, n], element), places, [m0, self.n0])
        result.replace_all_uses_with(unpacked)

    def _rows(self, x: ir.Value) -> "tuple[int | ir.Value, int, int | ir.Value]":
        """How many rows `x` has, how many a tile has, and how many tiles there are."""
        axis = x.type.rank - 2
        if not x.type.is_dynamic_dim(axis):
            m = x.type.shape[axis]
            m0 = min(self.m0, 1 << (m - 1).bit_length())
            return m, m0, -(-m // m0)
        index = ir.IndexType.get(x.context)
        rows = tensor.dim(x, arith.constant(index, axis))
        return rows, self.m0, arith.ceildivui(rows, arith.constant(index, self.m0))
