// RUN: infc-opt --pass-pipeline='builtin.module(infer-partition{split=a:p0;b:p1;*:p1},infer-outline-stages,canonicalize)' --split-input-file %s | filecheck %s

// Sizes that are the caller's dims cross with no value of their own: the second stage asks what it is given, also for
// what is computed from them, and writes the rows of a weight itself.
// CHECK: func.func private @rows_stage0(%[[X:.*]]: tensor<?x32xf32>) -> tensor<?x32xf32>
// CHECK: func.func private @rows_stage1(%[[Y:.*]]: tensor<?x32xf32>) -> tensor<?xf32>
// CHECK: %[[ROWS:.*]] = tensor.dim %[[Y]], %c0
// CHECK: tensor.empty(%[[ROWS]]) : tensor<?x32xf32>
// CHECK: affine.apply {{.*}}[%[[ROWS]]]
// CHECK-LABEL: func.func @rows(
// CHECK: call @rows_stage1(%{{.*}}) : (tensor<?x32xf32>) -> tensor<?xf32>
func.func @rows(%x: tensor<?x32xf32>) -> tensor<?xf32> {
  %a = "infer.weight"() {key = "a.weight", digest = "sha256:0", layout = "row_major", logical = tensor<32x32xf32>} : () -> tensor<32x32xf32>
  %b = "infer.weight"() {key = "b.weight", digest = "sha256:1", layout = "row_major", logical = tensor<32xf32>} : () -> tensor<32xf32>
  %zero = arith.constant 0.0 : f32
  %at = arith.constant 0 : index
  %c32 = arith.constant 32 : i64
  %rows = tensor.dim %x, %at : tensor<?x32xf32>
  %e = tensor.empty(%rows) : tensor<?x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x32xf32>) -> tensor<?x32xf32>
  %wide = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%b : tensor<32xf32>) outs(%e : tensor<?x32xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<?x32xf32>
  %y = linalg.matmul ins(%x, %a : tensor<?x32xf32>, tensor<32x32xf32>) outs(%f : tensor<?x32xf32>) -> tensor<?x32xf32>
  %z = linalg.add ins(%y, %wide : tensor<?x32xf32>, tensor<?x32xf32>) outs(%e : tensor<?x32xf32>) -> tensor<?x32xf32>
  %numbers = affine.apply affine_map<()[s0] -> (s0 * 32)>()[%rows]
  %number = arith.index_cast %numbers : index to i64
  %shape = tensor.from_elements %number : tensor<1xi64>
  %flat = tensor.reshape %z(%shape) : (tensor<?x32xf32>, tensor<1xi64>) -> tensor<?xf32>
  return %flat : tensor<?xf32>
}

// -----

// Two arguments with a dim of one name have one size: either says it.
// CHECK: func.func private @both_stage1(%[[Y:.*]]: tensor<?x32xf32>, %[[M:.*]]: tensor<?xf32>)
// CHECK: tensor.dim %[[Y]], %c0
// CHECK-LABEL: func.func @both(
// CHECK: call @both_stage1(
func.func @both(%x: tensor<?x32xf32> {rpc.dims = ["batch[1..8]"]}, %m: tensor<?xf32> {rpc.dims = ["batch[1..8]"]}) -> (tensor<?x32xf32> {rpc.dims = ["batch[1..8]"]}) {
  %a = "infer.weight"() {key = "a.weight", digest = "sha256:0", layout = "row_major", logical = tensor<32x32xf32>} : () -> tensor<32x32xf32>
  %b = "infer.weight"() {key = "b.weight", digest = "sha256:1", layout = "row_major", logical = tensor<32x32xf32>} : () -> tensor<32x32xf32>
  %zero = arith.constant 0.0 : f32
  %at = arith.constant 0 : index
  %first = tensor.dim %x, %at : tensor<?x32xf32>
  %second = tensor.dim %m, %at : tensor<?xf32>
  %e = tensor.empty(%first) : tensor<?x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x32xf32>) -> tensor<?x32xf32>
  %y = linalg.matmul ins(%x, %a : tensor<?x32xf32>, tensor<32x32xf32>) outs(%f : tensor<?x32xf32>) -> tensor<?x32xf32>
  %o = tensor.empty(%second) : tensor<?x32xf32>
  %g = linalg.fill ins(%zero : f32) outs(%o : tensor<?x32xf32>) -> tensor<?x32xf32>
  %z = linalg.matmul ins(%y, %b : tensor<?x32xf32>, tensor<32x32xf32>) outs(%g : tensor<?x32xf32>) -> tensor<?x32xf32>
  %wide = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%z, %m : tensor<?x32xf32>, tensor<?xf32>) outs(%e : tensor<?x32xf32>) {
  ^bb0(%in: f32, %by: f32, %out: f32):
    %r = arith.mulf %in, %by : f32
    linalg.yield %r : f32
  } -> tensor<?x32xf32>
  return %wide : tensor<?x32xf32>
}
