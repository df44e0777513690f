// RUN: infc-opt --pass-pipeline='builtin.module(infer-partition{stages=2})' %s | filecheck %s
// RUN: infc-opt --pass-pipeline='builtin.module(infer-partition{stages=2 link=10MB})' %s | filecheck --check-prefix LINK %s
// RUN: infc-opt --pass-pipeline='builtin.module(infer-partition{stages=2 flops=1e12,1e12 bandwidth=1GB,1TB})' %s | filecheck --check-prefix READS %s
// RUN: infc-opt --pass-pipeline='builtin.module(infer-partition{flops=1e12,1e6})' %s | filecheck --check-prefix COMPUTES %s

// The wide weight takes longest, and the layer before it is better with it than the one behind it. What crosses is wide.
// CHECK: {placement = "device0", stage = "stage0"} : {{.*}} -> tuple<tensor<1x512xf32>>
// CHECK: key = "c"
// CHECK: {placement = "device1", stage = "stage1"}

// Over a slow link what crosses has to be narrow, though the first stage takes longer.
// LINK: key = "c"
// LINK: {placement = "device0", stage = "stage0"} : {{.*}} -> tuple<tensor<1x32xf32>>

// A second device that reads a thousand times as fast gets all that it can.
// READS: key = "a"
// READS: {placement = "device0", stage = "stage0"}
// READS: key = "b"
// READS: {placement = "device1", stage = "stage1"}

// And one that computes next to nothing as little as there is.
// COMPUTES: key = "c"
// COMPUTES: {placement = "device0", stage = "stage0"}
// COMPUTES: key = "d"
func.func @chain(%x: tensor<1x32xf32>, %wide: tensor<1x512xf32>, %narrow: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %a = "infer.weight"() {key = "a", digest = "sha256:0", layout = "row_major", logical = tensor<32x512xf32>} : () -> tensor<32x512xf32>
  %b = "infer.weight"() {key = "b", digest = "sha256:1", layout = "row_major", logical = tensor<512x512xf32>} : () -> tensor<512x512xf32>
  %c = "infer.weight"() {key = "c", digest = "sha256:2", layout = "row_major", logical = tensor<512x32xf32>} : () -> tensor<512x32xf32>
  %d = "infer.weight"() {key = "d", digest = "sha256:3", layout = "row_major", logical = tensor<32x32xf32>} : () -> tensor<32x32xf32>
  %0 = linalg.matmul ins(%x, %a : tensor<1x32xf32>, tensor<32x512xf32>) outs(%wide : tensor<1x512xf32>) -> tensor<1x512xf32>
  %1 = linalg.matmul ins(%0, %b : tensor<1x512xf32>, tensor<512x512xf32>) outs(%wide : tensor<1x512xf32>) -> tensor<1x512xf32>
  %2 = linalg.matmul ins(%1, %c : tensor<1x512xf32>, tensor<512x32xf32>) outs(%narrow : tensor<1x32xf32>) -> tensor<1x32xf32>
  %3 = linalg.matmul ins(%2, %d : tensor<1x32xf32>, tensor<32x32xf32>) outs(%narrow : tensor<1x32xf32>) -> tensor<1x32xf32>
  return %3 : tensor<1x32xf32>
}
