"""Operations counted against what the shapes say, for every kind of product that a model brings or a pass makes."""

import pytest
from torch_mlir import ir

from infc.passes import pipeline
from infc.passes.running.runner import make_context
from infc.passes.stages.cost import flops

from support.mlir import weight

# The operation, its operands' shapes, the result's, and the products that are summed up: two operations each.
NAMED = [
    ("matmul", ["2x3", "3x5"], "2x5", 2 * 3 * 5),
    ("matmul", ["?x3", "3x5"], "?x5", 3 * 5),  # a dim that is not known counts as one
    ("batch_matmul", ["7x2x3", "7x3x5"], "7x2x5", 7 * 2 * 3 * 5),
    ("batch_matmul", ["0x2x3", "0x3x5"], "0x2x5", 0),
    ("mmt4d", ["2x3x4x1", "5x3x6x1"], "2x5x4x6", 2 * 3 * 4 * 5 * 6),
    ("batch_mmt4d", ["7x2x3x4x1", "7x5x3x6x1"], "7x2x5x4x6", 7 * 2 * 3 * 4 * 5 * 6),
    ("conv_1d_ncw_fcw", ["1x3x8", "5x3x3"], "1x5x6", 5 * 6 * 3 * 3),
    ("conv_2d_nchw_fchw", ["1x3x8x8", "5x3x3x3"], "1x5x6x6", 5 * 36 * 3 * 9),
    ("conv_2d_nhwc_hwcf", ["1x8x8x3", "3x3x3x5"], "1x6x6x5", 5 * 36 * 3 * 9),
    ("conv_3d_ncdhw_fcdhw", ["1x3x4x4x4", "5x3x2x2x2"], "1x5x3x3x3", 5 * 27 * 3 * 8),
    ("depthwise_conv_2d_nchw_chw", ["1x3x8x8", "3x3x2"], "1x3x6x7", 3 * 42 * 6),
    ("depthwise_conv_2d_nhwc_hwc", ["1x8x8x3", "3x2x3"], "1x6x7x3", 3 * 42 * 6),
    ("conv_2d_ngchw_gfchw", ["1x2x3x5x6", "2x4x3x2x2"], "1x2x4x4x5", 2 * 4 * 20 * 3 * 4),
    ("conv_2d_nchw_fchw {strides = dense<2> : tensor<2xi64>}", ["1x3x8x8", "5x3x3x3"], "1x5x3x3", 5 * 9 * 3 * 9),
    ("pooling_nchw_sum", ["1x3x8x8", "3x3"], "1x3x6x6", 0),
    ("add", ["2x3", "2x3"], "2x3", 0),
]


@pytest.mark.parametrize(("op", "operands", "result", "products"), NAMED, ids=[f"{n}-{r[0]}" for n, r, _, _ in NAMED])
def test_a_named_operation(op: str, operands: list[str], result: str, products: int) -> None:
    kinds = [f"tensor<{shape}xf32>" for shape in operands]
    out = f"tensor<{result}xf32>"
    names = [f"%a{position}" for position in range(len(kinds))]
    arguments = ", ".join(f"{name}: {kind}" for name, kind in zip(names, kinds, strict=True))
    text = f"""func.func @main({arguments}, %o: {out}) {{
      %0 = linalg.{op} ins({", ".join(names)} : {", ".join(kinds)}) outs(%o : {out}) -> {out}
      return
    }}"""
    assert flops(ir.Module.parse(text, make_context()).operation) == 2 * products


@pytest.mark.parametrize("options", ["bits=8", "bits=4 group=8", "bits=8 scheme=asym"])
def test_products_with_integers_count_like_those_with_floats(options: str) -> None:
    text = f"""func.func @main(%x: tensor<4x32xf32>) -> tensor<4x16xf32> {{
      {weight("w", "w", "32x16")}
      %zero = arith.constant 0.0 : f32
      %e = tensor.empty() : tensor<4x16xf32>
      %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
      %0 = linalg.matmul ins(%x, %w : tensor<4x32xf32>, tensor<32x16xf32>)
                         outs(%f : tensor<4x16xf32>) -> tensor<4x16xf32>
      return %0 : tensor<4x16xf32>
    }}"""
    module = ir.Module.parse(text, make_context()).operation
    pipeline.run(module, f"infer-pack-weights,infer-quantize-weights{{{options} at-least=1}}")
    # What the scales and zero points add is a part of it: below one operation for each element and group.
    assert 2 * 4 * 32 * 16 <= flops(module) <= 2 * 4 * 32 * 16 + 2 * 4 * 16 * 4
