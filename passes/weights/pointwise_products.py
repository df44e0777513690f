"""`infer-pointwise-products`: a convolution with a kernel of one element is a product of matrices."""

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith

from ..base import Pass
from ..elementwise import reshaped, sizes_of, summed
from ..walk import operations
from .convolutions import Convolution, convolution
from .unfolding import columns


@dataclass(frozen=True)
class PointwiseProducts(Pass):
    """Turn the 1×1 convolutions that `infer-pack-weights` left into products of matrices, the kernel on the left.

    What IREE makes of such a convolution on a CPU is several times slower than of the same product. With strides, the
    elements that it reads are written out first. Grouped convolutions are left alone. Runs after
    `infer-fold-weight-transforms` and `infer-pack-weights`, which look for convolutions.

    Before:

    ```mlir
    %y = linalg.conv_2d_nchw_fchw ins(%x, %w : tensor<1x64x56x56xf32>, tensor<256x64x1x1xf32>) outs(%init)
    ```

    After:

    ```mlir
    %a = tensor.collapse_shape %w [[0], [1, 2, 3]] : … into tensor<256x64xf32>
    %b = tensor.collapse_shape %x [[0], [1], [2, 3]] : … into tensor<1x64x3136xf32>
    %c = tensor.collapse_shape %init [[0], [1], [2, 3]] : … into tensor<1x256x3136xf32>
    %d = linalg.generic {(n, f, p, k): %a at (f, k), %b at (n, k, p), summed up over k} ins(%a, %b) outs(%c)
    %y = tensor.expand_shape %d [[0], [1], [2, 3]] output_shape [1, 256, 56, 56]
    ```
    """

    name: ClassVar[str] = "infer-pointwise-products"

    def run(self, module: ir.Operation) -> None:
        """Convolutions of another kind are left alone."""
        for op in operations(module):
            found = convolution(op)
            if found is not None and found.is_pointwise and not found.groups:
                _rewrite(found)


def _rewrite(each: Convolution) -> None:
    op = each.op.operation
    result = op.results[0]
    rank = 2 + len(each.output)
    groups = [[0], [1], list(range(2, rank))]
    features, channels = each.kernel[:2]
    f32 = ir.F32Type.get(result.context)
    with op.location, ir.InsertionPoint(op):
        (images,) = sizes_of(each.init, [0])
        kernel = reshaped(op.operands[1], [features, channels], [[0], list(range(1, rank))])
        start = reshaped(each.init, [images, features, prod(each.output)], groups) if rank > 3 else each.init
        sums = summed([(kernel, [1, 3]), (columns(each, each.x), [0, 3, 2])], start, 1, lambda w, x: _times(f32, w, x))
        whole = reshaped(sums, [images, features, *each.output], groups) if rank > 3 else sums
    result.replace_all_uses_with(whole)
    op.erase()


def _times(f32: ir.Type, weight: ir.Value, x: ir.Value) -> ir.Value:
    return arith.mulf(weight if weight.type == f32 else arith.extf(f32, weight), x)
