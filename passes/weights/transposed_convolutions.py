"""`infer-transposed-convolutions`: what lies between the elements of a spread image is not multiplied."""

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from ..base import Pass
from ..walk import operations
from .derive import derive
from .phases import in_phases, over_padding
from .spread_images import spread
from .turned_kernels import turned


@dataclass(frozen=True)
class TransposedConvolutions(Pass):
    """Turn the kernels of transposed convolutions around once, when the slab is written, and leave out their zeros.

    torch-mlir makes of a transposed convolution one without strides, over the image spread with zeros, with a kernel
    that is turned around on every call. Here the kernel becomes a derived weight; with strides, it is cut into one for
    each phase, which is the outputs that read the same elements of the kernel; one convolution over the image as it is
    computes all phases, which are woven together then. With a stride of 2 in two dimensions that is a quarter of the
    multiplications. A weight that something else reads too lies in the slab twice then. Dilated kernels keep the
    zeros of a dimension with strides. Without strides the image is padded. Runs before `infer-guard-gathers`, which
    would hide how the kernel is read.

    Before:

    ```mlir
    %k = linalg.generic {%w at (c, f, 3 - i, 3 - j)} : tensor<8x16x4x4xf32>
    %z = tensor.insert_slice %x into %zeros[0, 0, 2, 2] [1, 16, 7, 7] [1, 1, 2, 2] : … into tensor<1x16x17x17xf32>
    %y = linalg.conv_2d_nchw_fchw ins(%z, %k) outs(%bias : tensor<1x8x14x14xf32>)
    ```

    After:

    ```mlir
    %k = "infer.weight"() {key = "w|permute[1,0,2,3]|flip[2,3]|phases[2,2]", …} : () -> tensor<32x16x2x2xf32>
    %p = tensor.pad %x low[0, 0, 1, 1] high[0, 0, 1, 1] : … to tensor<1x16x9x9xf32>
    %c = linalg.conv_2d_nchw_fchw ins(%p, %k) outs(%zero : tensor<1x32x8x8xf32>)
    %t = linalg.transpose %c expanded permutation = [0, 1, 4, 2, 5, 3] : … -> tensor<1x8x8x2x8x2xf32>
    %s = tensor.extract_slice %t collapsed [0, 0, 1, 1] [1, 8, 14, 14] : tensor<1x8x16x16xf32> to tensor<1x8x14x14xf32>
    %y = %s + %bias
    ```
    """

    name: ClassVar[str] = "infer-transposed-convolutions"

    def run(self, module: ir.Operation) -> None:
        """Convolutions of another kind are left alone."""
        for generic in operations(module, "linalg.generic"):
            found = turned(generic.operation.results[0]) if len(generic.operation.results) == 1 else None
            if found is None:
                continue
            weight, steps = found
            with weight.location, ir.InsertionPoint(weight):
                kernel = derive(weight, *steps)
            generic.operation.results[0].replace_all_uses_with(kernel.results[0])
            generic.operation.erase()
        for op in operations(module):
            each = spread(op)
            if each is not None and all(step == 1 for step in each.steps):
                over_padding(each)
            elif each is not None:
                in_phases(each)
