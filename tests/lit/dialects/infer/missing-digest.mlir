// RUN: infc-opt --verify-diagnostics %s | filecheck %s

// CHECK: attribute "digest" is expected but not provided
func.func @f() -> tensor<4xf32> {
  %w = "infer.weight"() {key = "a", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>
  return %w : tensor<4xf32>
}
