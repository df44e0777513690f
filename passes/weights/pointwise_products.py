"""`infer-pointwise-products`: a convolution with a kernel of one element is a product of matrices."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import linalg, tensor

from ..base import Pass
from ..walk import operations

_CONVOLUTION = "linalg.conv_2d_nchw_fchw"


@dataclass(frozen=True)
class PointwiseProducts(Pass):
    """Turn 1×1 convolutions of one image into `linalg.matmul`, the kernel on the left.

    What IREE makes of such a convolution on a CPU is several times slower than of the same product. With strides, the
    rows and columns that it reads are sliced out first. Convolutions of several images, or of a number that is not
    known, are left alone, and so are grouped ones. Runs after `infer-fold-weight-transforms`, which looks for
    convolutions.

    Before:

    ```mlir
    %y = linalg.conv_2d_nchw_fchw ins(%x, %w : tensor<1x64x56x56xf32>, tensor<256x64x1x1xf32>) outs(%init)
    ```

    After:

    ```mlir
    %a = tensor.collapse_shape %w [[0], [1, 2, 3]] : … into tensor<256x64xf32>
    %b = tensor.collapse_shape %x [[0, 1], [2, 3]] : … into tensor<64x3136xf32>
    %c = tensor.collapse_shape %init [[0, 1], [2, 3]] : … into tensor<256x3136xf32>
    %d = linalg.matmul ins(%a, %b) outs(%c)
    %y = tensor.expand_shape %d [[0, 1], [2, 3]] output_shape [1, 256, 56, 56]
    ```
    """

    name: ClassVar[str] = "infer-pointwise-products"

    def run(self, module: ir.Operation) -> None:
        """Convolutions of another kind are left alone."""
        for convolution in operations(module, _CONVOLUTION):
            if _is_pointwise(convolution):
                _rewrite(convolution)


def _is_pointwise(convolution: Any) -> bool:
    kinds = [ir.RankedTensorType(value.type) for value in convolution.operation.operands]
    if not all(kind.has_static_shape for kind in kinds) or len({kind.element_type for kind in kinds}) != 1:
        return False
    x, kernel, _ = (tuple(kind.shape) for kind in kinds)
    return x[0] == 1 and kernel[2:] == (1, 1) and isinstance(kinds[0].element_type, ir.FloatType)


def _rewrite(convolution: Any) -> None:
    x, kernel, init = convolution.operation.operands
    result = convolution.operation.results[0]
    kind = ir.RankedTensorType(result.type)
    element, shape = kind.element_type, list(kind.shape)
    _, channels, height, width = shape
    inputs = ir.RankedTensorType(x.type).shape[1]
    strides = [int(stride) for stride in ir.DenseIntElementsAttr(convolution.operation.attributes["strides"])]
    with convolution.location, ir.InsertionPoint(convolution):
        sliced = ir.RankedTensorType.get([1, inputs, height, width], element)
        if x.type != sliced:
            offsets, steps = [0, 0, 0, 0], [1, 1, *strides]
            x = tensor.extract_slice(sliced, x, [], [], [], offsets, list(sliced.shape), steps)
        matrix = _collapsed(x, [inputs, height * width], [[0, 1], [2, 3]])
        left = _collapsed(kernel, [channels, inputs], [[0], [1, 2, 3]])
        start = _collapsed(init, [channels, height * width], [[0, 1], [2, 3]])
        product = linalg.matmul(left, matrix, outs=[start])
        whole = tensor.expand_shape(kind, product, [[0, 1], [2, 3]], [], shape)
    result.replace_all_uses_with(whole)
    convolution.operation.erase()


def _collapsed(value: ir.Value, shape: list[int], groups: list[list[int]]) -> ir.Value:
    kind = ir.RankedTensorType.get(shape, ir.RankedTensorType(value.type).element_type)
    return tensor.collapse_shape(kind, value, groups)
