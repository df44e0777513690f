"""Which weights a call reads a few rows of."""

import pytest
from torch_mlir import ir

from infc.compiler.slab.weights import weight_uses
from infc.passes.running.runner import make_context

TABLE = """
#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>
func.func @main(%ids: tensor<4xi64>, %x: tensor<8x2xf32>) -> (tensor<4x2xf32>, tensor<8x2xf32>) {{
  %table = "infer.weight"() {{key = "table", digest = "", layout = "row_major", logical = tensor<8x2xf32>}}
      : () -> tensor<8x2xf32>
  %own = "infer.weight"() {{key = "own", digest = "", layout = "row_major", logical = tensor<4xi64>}}
      : () -> tensor<4xi64>
  %c0 = arith.constant 0 : index
  %c7 = arith.constant 7 : index
  %empty = tensor.empty() : tensor<4x2xf32>
  %found = linalg.generic {{indexing_maps = [#rows, #all], iterator_types = ["parallel", "parallel"]}}
      ins({ids} : tensor<4xi64>) outs(%empty : tensor<4x2xf32>) {{
  ^bb0(%id: i64, %out: f32):
    %cast = arith.index_cast %id : i64 to index
    %low = arith.maxsi %cast, %c0 : index
    %row = arith.minsi %low, %c7 : index
    %own_row = linalg.index 0 : index
    %column = linalg.index 1 : index
    %element = tensor.extract %table[{place}] : tensor<8x2xf32>
    linalg.yield %element : f32
  }} -> tensor<4x2xf32>
  %other = arith.addf %x, {addend} : tensor<8x2xf32>
  return %found, %other : tensor<4x2xf32>, tensor<8x2xf32>
}}
"""


@pytest.mark.parametrize(
    ("ids", "place", "addend", "expected"),
    [
        ("%ids", "%row, %column", "%x", {"table"}),
        ("%own", "%row, %column", "%x", set[str]()),  # no input says which
        ("%ids", "%own_row, %column", "%x", set[str]()),  # every row, one after the other
        ("%ids", "%row, %c0", "%x", set[str]()),  # a part of each row
        ("%ids", "%row, %column", "%table", set[str]()),  # and whole elsewhere
    ],
)
def test_a_table_is_read_by_rows_alone(ids: str, place: str, addend: str, expected: set[str]) -> None:
    text = TABLE.format(ids=ids, place=place, addend=addend)
    module = ir.Module.parse(text, make_context()).operation
    assert {use.key for use in weight_uses(module) if use.by_rows} == expected
