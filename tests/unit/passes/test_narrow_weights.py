"""Narrow weights through IREE: what a matrix that can be said exactly gives must be exact."""

import numpy as np
import pytest
import torch

from support.mlir import run, weight

N, K = 40, 64

LINEAR = f"""
func.func @main(%x: tensor<5x{K}xf32>) -> tensor<5x{N}xf32> {{
  {weight("w", "w", f"{N}x{K}")}
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<{K}x{N}xf32>
  %t = linalg.transpose ins(%w : tensor<{N}x{K}xf32>) outs(%e : tensor<{K}x{N}xf32>) permutation = [1, 0]
  %o = tensor.empty() : tensor<5x{N}xf32>
  %f = linalg.fill ins(%zero : f32) outs(%o : tensor<5x{N}xf32>) -> tensor<5x{N}xf32>
  %y = linalg.matmul ins(%x, %t : tensor<5x{K}xf32>, tensor<{K}x{N}xf32>)
                     outs(%f : tensor<5x{N}xf32>) -> tensor<5x{N}xf32>
  return %y : tensor<5x{N}xf32>
}}
"""

AS_IT_LIES = f"""
func.func @main(%x: tensor<5x{K}xf32>) -> tensor<5x{N}xf32> {{
  {weight("w", "w", f"{K}x{N}")}
  %zero = arith.constant 0.0 : f32
  %o = tensor.empty() : tensor<5x{N}xf32>
  %f = linalg.fill ins(%zero : f32) outs(%o : tensor<5x{N}xf32>) -> tensor<5x{N}xf32>
  %y = linalg.matmul ins(%x, %w : tensor<5x{K}xf32>, tensor<{K}x{N}xf32>)
                     outs(%f : tensor<5x{N}xf32>) -> tensor<5x{N}xf32>
  return %y : tensor<5x{N}xf32>
}}
"""


def levels(low: int, high: int) -> torch.Tensor:
    """A matrix [N, K] of whole numbers, whose every 16 elements of a row hold the lowest and the highest."""
    matrix = torch.randint(low, high + 1, (N, K), generator=torch.Generator().manual_seed(0)).float()
    matrix[:, 3::16], matrix[:, 12::16] = low, high
    return matrix


@pytest.mark.parametrize(
    ("options", "low", "high", "packed"),
    [
        ("bits=8 group=16 scheme=asym", -100, 155, True),
        ("bits=4 group=16", -7, 7, True),
        ("bits=4 group=16 scheme=asym", -5, 10, False),
        ("bits=8 group=0", -127, 127, True),
        ("bits=8 group=0 scheme=asym", -100, 155, True),
        ("bits=4 group=0", -7, 7, False),
    ],
)
def test_a_matrix_of_few_levels_is_quantized_without_loss(options: str, low: int, high: int, packed: bool) -> None:
    x = np.random.default_rng(0).integers(-8, 8, (5, K)).astype(np.float32)
    matrix = levels(low, high)
    first = "infer-pack-weights," if packed else ""
    for text, stored in ((LINEAR, matrix), (AS_IT_LIES, matrix.T.contiguous())):
        if not packed and text == AS_IT_LIES:
            continue
        (y,), uses = run(text, f"{first}infer-quantize-weights{{{options}}}", {"w": stored}, x)
        assert [use.key.partition("quantize")[1] for use in uses] == ["quantize"] * (3 if "asym" in options else 2)
        np.testing.assert_allclose(y, x @ matrix.numpy().T, rtol=1e-5, atol=1e-2)


@pytest.mark.parametrize(("scheme", "low", "high"), [("sym", -7, 7), ("asym", -5, 10)])
@pytest.mark.parametrize("rows", ["5", "40", "?"])
def test_products_of_any_number_of_rows_are_exact(rows: str, scheme: str, low: int, high: int) -> None:
    """5 rows: the sums of groups are scaled; 40: the matrix is widened; unknown: widened too, but for whole rows."""
    x = np.random.default_rng(0).integers(-8, 8, (40 if rows == "?" else int(rows), K)).astype(np.float32)
    matrix = levels(low, high)
    text = LINEAR.replace("tensor<5x", f"tensor<{rows}x")
    if rows == "?":
        text = text.replace(
            "%o = tensor.empty()",
            f"%c0 = arith.constant 0 : index\n%m = tensor.dim %x, %c0 : tensor<?x{K}xf32>\n%o = tensor.empty(%m)",
        )
    for group in (16, 0):
        passes = f"infer-pack-weights,infer-quantize-weights{{bits=4 group={group} scheme={scheme}}}"
        (y,), _ = run(text, passes, {"w": matrix}, x)
        np.testing.assert_allclose(y, x @ matrix.numpy().T, rtol=1e-5, atol=1e-2)


def test_a_kernel_of_a_convolution_is_multiplied_as_integers_without_loss() -> None:
    """Whole rows, on the left of their product; groups of a row: the kernel is widened."""
    matrix = levels(-5, 10)
    text = f"""
func.func @main(%x: tensor<2x{K}x3x5xf32>) -> tensor<2x{N}x3x5xf32> {{
  {weight("w", "w", f"{N}x{K}x1x1")}
  %zero = arith.constant 0.0 : f32
  %o = tensor.empty() : tensor<2x{N}x3x5xf32>
  %f = linalg.fill ins(%zero : f32) outs(%o : tensor<2x{N}x3x5xf32>) -> tensor<2x{N}x3x5xf32>
  %y = linalg.conv_2d_nchw_fchw ins(%x, %w : tensor<2x{K}x3x5xf32>, tensor<{N}x{K}x1x1xf32>)
                                outs(%f : tensor<2x{N}x3x5xf32>) -> tensor<2x{N}x3x5xf32>
  return %y : tensor<2x{N}x3x5xf32>
}}
"""
    x = np.random.default_rng(0).integers(-8, 8, (2, K, 3, 5)).astype(np.float32)
    for group in (0, 16):
        passes = f"infer-pack-weights,infer-quantize-weights{{bits=4 group={group} scheme=asym}}"
        (y,), uses = run(text, passes, {"w": matrix.reshape(N, K, 1, 1)}, x)
        assert len(uses) == 3
        np.testing.assert_allclose(y, np.einsum("fk,nkhw->nfhw", matrix.numpy(), x), rtol=1e-5, atol=1e-2)


@pytest.mark.parametrize("dtype", ["f16", "bf16"])
def test_a_cast_matrix_and_a_cast_table_give_what_rounded_ones_do(dtype: str) -> None:
    matrix, table = torch.randn(N, K), torch.randn(100, 16)
    rounded = {
        key: tensor.to({"f16": torch.float16, "bf16": torch.bfloat16}[dtype]).float()
        for key, tensor in (("w", matrix), ("t", table))
    }
    gather = f"""
    {weight("table", "t", "100x16")}
    %g = tensor.empty() : tensor<3x16xf32>
    %rows = linalg.generic {{indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>],
        iterator_types = ["parallel", "parallel"]}} ins(%ids : tensor<3xi64>) outs(%g : tensor<3x16xf32>) {{
    ^bb0(%id: i64, %out: f32):
      %i = arith.index_cast %id : i64 to index
      %j = linalg.index 1 : index
      %v = tensor.extract %table[%i, %j] : tensor<100x16xf32>
      linalg.yield %v : f32
    }} -> tensor<3x16xf32>
    return %y, %rows : tensor<5x{N}xf32>, tensor<3x16xf32>"""
    text = LINEAR.replace(f"return %y : tensor<5x{N}xf32>", gather)
    text = text.replace(
        f"xf32>) -> tensor<5x{N}xf32> {{", f"xf32>, %ids: tensor<3xi64>) -> (tensor<5x{N}xf32>, tensor<3x16xf32>) {{", 1
    )
    x, ids = np.random.default_rng(0).standard_normal((5, K), np.float32), np.array([7, 0, 99])
    passes = f"infer-pack-weights,infer-cast-weights{{dtype={dtype}}}"
    (y, rows), uses = run(text, passes, {"w": matrix, "t": table}, x, ids)
    assert {use.key for use in uses} == {f"w|cast[{dtype}]", f"t|cast[{dtype}]"}
    np.testing.assert_allclose(y, x @ rounded["w"].numpy().T, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(rows, rounded["t"].numpy()[ids])
