"""Products in tiles through IREE: batched ones, and weights of 16 bits."""

import numpy as np
import pytest
import torch

from support.mlir import run, weight


@pytest.mark.parametrize("transposed", [True, False])
@pytest.mark.parametrize("element", ["f32", "f16"])
def test_batched_products_are_exact(element: str, transposed: bool) -> None:
    """Whole numbers, which every one of the types holds."""
    shape, right = ("3x20x24", "%t") if transposed else ("3x24x20", "%w")
    text = f"""
func.func @main(%x: tensor<3x5x24x{element}>) -> tensor<3x5x20xf32> {{
  {weight("w", "w", shape, element)}
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<3x24x20x{element}>
  {
        "%t = linalg.transpose ins(%w : tensor<3x20x24x" + element + ">) outs(%e : tensor<3x24x20x" + element + ">) "
        "permutation = [0, 2, 1]"
        if transposed
        else ""
    }
  %o = tensor.empty() : tensor<3x5x20xf32>
  %f = linalg.fill ins(%zero : f32) outs(%o : tensor<3x5x20xf32>) -> tensor<3x5x20xf32>
  %y = linalg.batch_matmul ins(%x, {right} : tensor<3x5x24x{element}>, tensor<3x24x20x{element}>)
                           outs(%f : tensor<3x5x20xf32>) -> tensor<3x5x20xf32>
  return %y : tensor<3x5x20xf32>
}}
"""
    rng = np.random.default_rng(0)
    x = rng.integers(-8, 8, (3, 5, 24)).astype(np.float32)
    matrices = rng.integers(-8, 8, tuple(map(int, shape.split("x")))).astype(np.float32)
    stored = torch.from_numpy(matrices).to({"f32": torch.float32, "f16": torch.float16}[element])
    given = x.astype({"f32": np.float32, "f16": np.float16}[element])
    (y,), (use,) = run(text, "infer-pack-weights", {"w": stored}, given)
    assert use.layout == ("mmt4d[16,1]" if transposed else "mmt4d[16,1t]")
    np.testing.assert_array_equal(y, x @ (matrices.swapaxes(-1, -2) if transposed else matrices))
