// RUN: infc-opt --verify-diagnostics %s | filecheck %s

// CHECK: logical type must be a tensor of static shape, got tensor<?xf32>
func.func @f() -> tensor<4xf32> {
  %w = "infer.weight"() {key = "a", digest = "sha256:0", layout = "row_major", logical = tensor<?xf32>} : () -> tensor<4xf32>
  return %w : tensor<4xf32>
}
