// RUN: infc-opt --pass-pipeline='builtin.module(infer-dedupe-weights)' %s | filecheck %s

// CHECK-LABEL: func.func @main
func.func @main() -> (tensor<4xf32>, tensor<4xf32>, tensor<2x2xf32>, tensor<4xf32>) {
  // CHECK: %[[A:.*]] = "infer.weight"() {{.*}}key = "a"
  %a = "infer.weight"() {key = "a", digest = "sha256:1", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>
  // The same contents in the same shape: one weight.
  // CHECK-NOT: key = "tied"
  %b = "infer.weight"() {key = "tied", digest = "sha256:1", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>
  // Another type is another weight.
  // CHECK: %[[C:.*]] = "infer.weight"() {{.*}}key = "c"
  %c = "infer.weight"() {key = "c", digest = "sha256:1", layout = "row_major", logical = tensor<2x2xf32>} : () -> tensor<2x2xf32>
  // Other contents too.
  // CHECK: %[[D:.*]] = "infer.weight"() {{.*}}key = "d"
  %d = "infer.weight"() {key = "d", digest = "sha256:2", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>
  // CHECK: return %[[A]], %[[A]], %[[C]], %[[D]]
  return %a, %b, %c, %d : tensor<4xf32>, tensor<4xf32>, tensor<2x2xf32>, tensor<4xf32>
}

// A key is the same in every function.
// CHECK-LABEL: func.func @other
func.func @other() -> tensor<4xf32> {
  // CHECK: key = "a"
  %e = "infer.weight"() {key = "e", digest = "sha256:1", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>
  return %e : tensor<4xf32>
}
