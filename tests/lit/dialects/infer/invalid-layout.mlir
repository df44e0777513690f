// RUN: infc-opt --verify-diagnostics %s | filecheck %s

// CHECK: weight 'a': unknown weight layout 'blocked'
func.func @f() -> tensor<20x3xf32> {
  %w = "infer.weight"() {key = "a", digest = "sha256:0", layout = "blocked", logical = tensor<20x3xf32>} : () -> tensor<20x3xf32>
  return %w : tensor<20x3xf32>
}
