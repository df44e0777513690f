"""What is known of sizes that vary: by the operation that makes a value."""

import pytest
from torch_mlir import ir

from infc.dialects import load
from infc.errors import CompileError
from infc.passes.stages.dataflow import read_body
from infc.passes.stages.extents import Extents
from infc.passes.walk import operations

# Each line's value is called as the case says, of `x`, f32[rows, cols, 4], and `y`, f32[rows].
BODY = """
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %zero = arith.constant 0.0 : f32
  %rows = tensor.dim %x, %c0 : tensor<?x?x4xf32>
  %cols = tensor.dim %x, %c1 : tensor<?x?x4xf32>
  %data = tensor.extract %y[%c0] : tensor<?xf32>
  %decided = arith.fptosi %data : f32 to i64
  %number = arith.index_cast %decided : i64 to index
  %four = arith.muli %rows, %c4 : index
  %half = arith.divsi %four, %c2 : index
  %less = arith.subi %cols, %c1 : index
  %quotient = arith.divsi %less, %c4 : index
  %negative = arith.subi %c0, %rows : index
  %cut = arith.divsi %negative, %c4 : index
  %up = affine.apply affine_map<(d0)[s0] -> (d0 ceildiv 2 + s0 * 3)>(%rows)[%cols]
  %below = arith.cmpi slt, %rows, %c0 : index
  %kept = arith.select %below, %negative, %rows : index
  %more = arith.cmpi sgt, %rows, %c4 : index
  %either = arith.select %more, %rows, %cols : index
  %bounded = arith.minsi %rows, %c1 : index
  %long = arith.index_cast %half : index to i64
"""
CASES = [
    ("tensor.empty(%half) : tensor<?x3xf32>", ["2*rows", "3"]),
    ("tensor.empty(%number, %cols) : tensor<?x?xf32>", ["None", "cols"]),
    ("tensor.empty(%quotient) : tensor<?xf32>", ["floor(cols/4 - 1/4)"]),
    ("tensor.empty(%cut) : tensor<?xf32>", ["None"]),
    ("tensor.empty(%up) : tensor<?xf32>", ["3*cols + floor(rows/2 + 1/2)"]),
    ("tensor.collapse_shape %x [[0, 1], [2]] : tensor<?x?x4xf32> into tensor<?x4xf32>", ["cols*rows", "4"]),
    ("tensor.collapse_shape %x [[0], [1, 2]] : tensor<?x?x4xf32> into tensor<?x?xf32>", ["rows", "4*cols"]),
    ("tensor.expand_shape %y [[0, 1]] output_shape [1, %rows] : tensor<?xf32> into tensor<1x?xf32>", ["1", "rows"]),
    ("tensor.extract_slice %y[%c1] [%less] [1] : tensor<?xf32> to tensor<?xf32>", ["cols - 1"]),
    ("tensor.extract_slice %x[0, 0, 0] [1, %rows, 1] [1, 1, 1] : tensor<?x?x4xf32> to tensor<?x1xf32>", ["rows", "1"]),
    ("tensor.concat dim(0) %y, %y : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>", ["2*rows"]),
    ("tensor.concat dim(2) %x : (tensor<?x?x4xf32>) -> tensor<?x?x4xf32>", ["rows", "cols", "4"]),
    ("tensor.empty(%kept, %bounded) : tensor<?x?xf32>", ["rows", "1"]),
    ("tensor.empty(%either) : tensor<?xf32>", ["None"]),
    ("tensor.cast %y : tensor<?xf32> to tensor<?xf32>", ["rows"]),
    ("tensor.insert %zero into %y[%c0] : tensor<?xf32>", ["None"]),  # of what nobody wrote a rule for
]  # fmt: skip


def extents(text: str) -> list[str]:
    with ir.Context() as context, ir.Location.unknown():
        load(context)
        module = ir.Module.parse(text)
        function = operations(module.operation, "func.func")[-1]
        returned = list(function.regions[0].blocks[0].operations)[-1].operands[0]
        found = Extents(function)
        return [str(found.along(returned, axis)) for axis in range(returned.type.rank)]


def function(operation: str, body: str = BODY) -> str:
    kind = operation.split()[-1]
    arguments = (
        '%x: tensor<?x?x4xf32> {rpc.dims = ["rows[1..8]", "cols[1..9]"]}, %y: tensor<?xf32> {rpc.dims = ["rows"]}'
    )
    return f"func.func @f({arguments}) -> {kind} {{ {body}\n  %found = {operation}\n  return %found : {kind}\n}}"


@pytest.mark.parametrize(("operation", "expected"), CASES, ids=[case[0].split(" ")[0] for case in CASES])
def test_a_size_is_followed_back_to_the_dims(operation: str, expected: list[str]) -> None:
    assert extents(function(operation)) == expected


def test_what_is_written_is_as_large_as_what_it_is_written_into() -> None:
    fill = "%e = tensor.empty(%four) : tensor<?xf32>"
    operation = "linalg.fill ins(%zero : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>"
    assert extents(function(operation, BODY + fill)) == ["4*rows"]


def test_a_padded_tensor_is_larger() -> None:
    pad = """%pad = tensor.pad %x low[%four, 1, 0] high[2, %cols, 0] {
    ^bb0(%i: index, %j: index, %k: index):
      tensor.yield %zero : f32
    } : tensor<?x?x4xf32> to tensor<?x?x4xf32>"""
    operation = "tensor.cast %pad : tensor<?x?x4xf32> to tensor<?x?x4xf32>"
    assert extents(function(operation, BODY + pad)) == ["5*rows + 2", "2*cols + 1", "4"]


def test_a_shape_of_numbers() -> None:
    shape = "%c16 = arith.constant 16 : i64\n %shape = tensor.from_elements %long, %c16 : tensor<2xi64>"
    operation = "tensor.reshape %x(%shape) : (tensor<?x?x4xf32>, tensor<2xi64>) -> tensor<?x?xf32>"
    assert extents(function(operation, BODY + shape)) == ["2*rows", "16"]


def test_the_cost_model_takes_dims_as_large_as_they_may_be() -> None:
    text = """
    func.func @f(%x: tensor<?x4xf32> {rpc.dims = ["rows[1..8]"]}, %w: tensor<4x?xf32>) -> tensor<?x?xf32> {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %zero = arith.constant 0.0 : f32
      %rows = tensor.dim %x, %c0 : tensor<?x4xf32>
      %cols = tensor.dim %w, %c1 : tensor<4x?xf32>
      %e = tensor.empty(%rows, %cols) : tensor<?x?xf32>
      %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
      %y = linalg.matmul ins(%x, %w : tensor<?x4xf32>, tensor<4x?xf32>) outs(%f : tensor<?x?xf32>) -> tensor<?x?xf32>
      return %y : tensor<?x?xf32>
    }"""
    with ir.Context() as context, ir.Location.unknown():
        load(context)
        module = ir.Module.parse(text)
        (function,) = operations(module.operation, "func.func")
        graph = read_body(function).graph
    assert [node.name for node in graph.nodes] == ["linalg.matmul"]
    assert graph.nodes[0].flops == 2 * 8 * 4 * 1  # the columns' range is not said
    assert [value.size for value in graph.values] == [8 * 4 * 4, 4 * 4, 8 * 4]


def test_a_dim_that_may_be_none_is_not_taken_for_one_or_more() -> None:
    text = """
    func.func @f(%x: tensor<?xf32> {rpc.dims = ["rows[LOW..8]"]}) -> tensor<?xf32> {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %rows = tensor.dim %x, %c0 : tensor<?xf32>
      %some = arith.maxsi %rows, %c1 : index
      %e = tensor.empty(%some) : tensor<?xf32>
      return %e : tensor<?xf32>
    }"""
    assert extents(text.replace("LOW", "1")) == ["rows"]
    assert extents(text.replace("LOW", "0")) == ["Max(1, rows)"]


@pytest.mark.parametrize(
    ("dims", "said"),
    [
        ('"rows[1..8]"', "is no list of dims"),
        ("[1]", "is no list of dims"),
        ('["rows[1..]"]', "is no list of dims"),
        ('["rows", "cols"]', "argument 0 has 1 dynamic dims and 2 names for them"),
    ],
)
def test_dims_that_are_none_are_an_error_of_the_pass(dims: str, said: str) -> None:
    text = f"func.func @f(%x: tensor<?xf32> {{rpc.dims = {dims}}}) -> tensor<?xf32> {{ return %x : tensor<?xf32> }}"
    with pytest.raises(CompileError, match=said) as caught:
        extents(text)
    assert "batch[1..64]" in caught.value.hint


def test_calls_are_followed_unless_they_come_back_or_lead_out() -> None:
    text = """
    func.func private @out(tensor<?xf32>) -> tensor<?xf32>
    func.func private @again(%x: tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
      %y, %z = call @again(%x) : (tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>)
      %w = tensor.concat dim(0) %x, %x : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      return %y, %w : tensor<?xf32>, tensor<?xf32>
    }
    func.func @f(%x: tensor<?xf32>) -> tensor<?xf32> {
      %a = call @out(%x) : (tensor<?xf32>) -> tensor<?xf32>
      %b, %c = call @again(%x) : (tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>)
      return RETURNED : tensor<?xf32>
    }"""
    assert [extents(text.replace("RETURNED", each)) for each in ("%a", "%b", "%c")] == [
        ["None"],
        ["None"],
        ["2*arg0_0"],
    ]


def test_arguments_without_names_have_their_places() -> None:
    text = "func.func @f(%x: tensor<?xf32>, %y: tensor<2x?xf32>) -> tensor<2x?xf32> { return %y : tensor<2x?xf32> }"
    assert extents(text) == ["2", "arg1_1"]
