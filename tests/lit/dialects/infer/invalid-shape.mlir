// RUN: infc-opt --verify-diagnostics %s | filecheck %s

// CHECK: weight 'a': layout "mmt4d[16,1]" of tensor<20x3xf32> has shape 2x3x16x1, the result is tensor<2x3x8x1xf32>
func.func @f() -> tensor<2x3x8x1xf32> {
  %w = "infer.weight"() {key = "a", digest = "sha256:0", layout = "mmt4d[16,1]", logical = tensor<20x3xf32>} : () -> tensor<2x3x8x1xf32>
  return %w : tensor<2x3x8x1xf32>
}
