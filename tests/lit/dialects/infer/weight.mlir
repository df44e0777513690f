// RUN: infc-opt %s | filecheck %s
// RUN: infc-opt %s | infc-opt - | filecheck %s

// CHECK-LABEL: func.func @weights
func.func @weights() -> (tensor<20x3xf32>, tensor<2x3x16x1xf32>, tensor<1x20x16x1xf32>) {
  // CHECK: "infer.weight"() {digest = "sha256:0", key = "a", layout = "row_major", logical = tensor<20x3xf32>} : () -> tensor<20x3xf32>
  %a = "infer.weight"() {key = "a", digest = "sha256:0", layout = "row_major", logical = tensor<20x3xf32>} : () -> tensor<20x3xf32>
  // CHECK: layout = "mmt4d[16,1]"{{.*}} -> tensor<2x3x16x1xf32>
  %b = "infer.weight"() {key = "b", digest = "sha256:0", layout = "mmt4d[16,1]", logical = tensor<20x3xf32>} : () -> tensor<2x3x16x1xf32>
  // CHECK: layout = "mmt4d[16,1t]"{{.*}} -> tensor<1x20x16x1xf32>
  %c = "infer.weight"() {key = "c", digest = "sha256:0", layout = "mmt4d[16,1t]", logical = tensor<20x3xf32>} : () -> tensor<1x20x16x1xf32>
  return %a, %b, %c : tensor<20x3xf32>, tensor<2x3x16x1xf32>, tensor<1x20x16x1xf32>
}
