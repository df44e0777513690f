// RUN: infc-opt --pass-pipeline='builtin.module(infer-partition{split=a:p0;b:p1;*:p1},infer-outline-stages,canonicalize)' %s | filecheck %s

// A number that another stage computes, here the rows to be filled, crosses as a tensor of no dims; what is to be
// filled is made where it is.
// CHECK: func.func private @rows_stage0(
// CHECK: %[[BOX:.*]] = tensor.from_elements %{{.*}} : tensor<i64>
// CHECK: return %[[BOX]]
// CHECK: func.func private @rows_stage1({{.*}}tensor<i64>{{.*}})
// CHECK: %[[FOUND:.*]] = tensor.extract %{{.*}}[] : tensor<i64>
// CHECK: %[[ROWS:.*]] = arith.index_cast %[[FOUND]] : i64 to index
// CHECK: tensor.empty(%[[ROWS]])
// CHECK: linalg.fill
func.func @rows(%x: tensor<4x32xf32>, %count: tensor<i64>) -> tensor<?x32xf32> {
  %a = "infer.weight"() {key = "a.weight", digest = "sha256:0", layout = "row_major", logical = tensor<32x32xf32>} : () -> tensor<32x32xf32>
  %b = "infer.weight"() {key = "b.weight", digest = "sha256:1", layout = "row_major", logical = tensor<32x32xf32>} : () -> tensor<32x32xf32>
  %zero = arith.constant 0.0 : f32
  %at = arith.constant 0 : index
  %number = tensor.extract %count[] : tensor<i64> loc("module a"("m.py":1:1))
  %rows = arith.index_cast %number : i64 to index loc("module a"("m.py":1:1))
  %e = tensor.empty(%rows) : tensor<?x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x32xf32>) -> tensor<?x32xf32>
  %part = tensor.extract_slice %x[0, 0] [%rows, 32] [1, 1] : tensor<4x32xf32> to tensor<?x32xf32> loc("module a"("m.py":1:1))
  %y = linalg.matmul ins(%part, %a : tensor<?x32xf32>, tensor<32x32xf32>) outs(%f : tensor<?x32xf32>) -> tensor<?x32xf32>
  %z = linalg.matmul ins(%y, %b : tensor<?x32xf32>, tensor<32x32xf32>) outs(%f : tensor<?x32xf32>) -> tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}
