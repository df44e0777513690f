// RUN: infc-opt --pass-pipeline='builtin.module(infer-partition{split=a:p0;b:p1;*:p1})' %s | filecheck %s
// RUN: infc-opt --pass-pipeline='builtin.module(infer-partition{split=a:p0;b:p1;*:p1},infer-outline-stages,canonicalize)' %s | filecheck --check-prefix OUTLINED %s

// A size that varies crosses as a tensor of no dims; what is to be filled is made where it is.
// CHECK-LABEL: func.func @rows
// CHECK: tensor.dim
// CHECK: %[[SIZE:.*]] = arith.index_cast %{{.*}} : index to i64
// CHECK: %[[BOX:.*]] = tensor.from_elements %[[SIZE]] : tensor<i64>
// CHECK: {placement = "p0", stage = "stage0"}
// CHECK: ^bb0(
// CHECK: %[[FOUND:.*]] = tensor.extract %{{.*}}[] : tensor<i64>
// CHECK: arith.index_cast %[[FOUND]] : i64 to index
// CHECK: tensor.empty(
// CHECK: linalg.fill
// CHECK: {placement = "p1", stage = "stage1"}
// OUTLINED: func.func private @rows_stage1({{.*}}tensor<i64>{{.*}})
func.func @rows(%x: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %a = "infer.weight"() {key = "a.weight", digest = "sha256:0", layout = "row_major", logical = tensor<32x32xf32>} : () -> tensor<32x32xf32>
  %b = "infer.weight"() {key = "b.weight", digest = "sha256:1", layout = "row_major", logical = tensor<32x32xf32>} : () -> tensor<32x32xf32>
  %zero = arith.constant 0.0 : f32
  %at = arith.constant 0 : index
  %rows = tensor.dim %x, %at : tensor<?x32xf32>
  %e = tensor.empty(%rows) : tensor<?x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x32xf32>) -> tensor<?x32xf32>
  %y = linalg.matmul ins(%x, %a : tensor<?x32xf32>, tensor<32x32xf32>) outs(%f : tensor<?x32xf32>) -> tensor<?x32xf32>
  %z = linalg.matmul ins(%y, %b : tensor<?x32xf32>, tensor<32x32xf32>) outs(%f : tensor<?x32xf32>) -> tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}
