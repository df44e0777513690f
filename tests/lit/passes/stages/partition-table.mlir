// RUN: infc-opt --pass-pipeline='builtin.module(infer-partition{stages=2})' %s | filecheck %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-partition{stages=2 memory=256KiB})' %s 2>&1 | filecheck --check-prefix MEMORY %s

// A call reads four rows of the table, which takes no time; it is the largest weight, and would fill a stage otherwise.
// CHECK: key = "a"
// CHECK: {placement = "device0", stage = "stage0"}
// CHECK: key = "b"
// CHECK: {placement = "device1", stage = "stage1"}

// It has to be in memory all the same.
// MEMORY: device0 has 262144 bytes and lacks
#rows = affine_map<(d0, d1) -> (d0)>
#whole = affine_map<(d0, d1) -> (d0, d1)>
func.func @main(%ids: tensor<4xi64>, %f: tensor<4x64xf32>) -> tensor<4x64xf32> {
  %t = "infer.weight"() {key = "table", digest = "sha256:0", layout = "row_major", logical = tensor<1024x64xf32>} : () -> tensor<1024x64xf32>
  %a = "infer.weight"() {key = "a", digest = "sha256:1", layout = "row_major", logical = tensor<64x64xf32>} : () -> tensor<64x64xf32>
  %b = "infer.weight"() {key = "b", digest = "sha256:2", layout = "row_major", logical = tensor<64x64xf32>} : () -> tensor<64x64xf32>
  %e = tensor.empty() : tensor<4x64xf32>
  %0 = linalg.generic {indexing_maps = [#rows, #whole], iterator_types = ["parallel", "parallel"]} ins(%ids : tensor<4xi64>) outs(%e : tensor<4x64xf32>) {
  ^bb0(%id: i64, %out: f32):
    %row = arith.index_cast %id : i64 to index
    %column = linalg.index 1 : index
    %x = tensor.extract %t[%row, %column] : tensor<1024x64xf32>
    linalg.yield %x : f32
  } -> tensor<4x64xf32>
  %1 = linalg.matmul ins(%0, %a : tensor<4x64xf32>, tensor<64x64xf32>) outs(%f : tensor<4x64xf32>) -> tensor<4x64xf32>
  %2 = linalg.matmul ins(%1, %b : tensor<4x64xf32>, tensor<64x64xf32>) outs(%f : tensor<4x64xf32>) -> tensor<4x64xf32>
  return %2 : tensor<4x64xf32>
}
