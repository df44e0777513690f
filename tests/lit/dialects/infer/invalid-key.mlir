// RUN: infc-opt --verify-diagnostics %s | filecheck %s

// CHECK: needs a key that is not empty
func.func @f() -> tensor<4xf32> {
  %w = "infer.weight"() {key = "", digest = "sha256:0", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>
  return %w : tensor<4xf32>
}
