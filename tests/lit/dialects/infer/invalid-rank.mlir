// RUN: infc-opt --verify-diagnostics %s | filecheck %s

// CHECK: packs a matrix, not a tensor of rank 1
func.func @f() -> tensor<20xf32> {
  %w = "infer.weight"() {key = "a", digest = "sha256:0", layout = "mmt4d[16,1]", logical = tensor<20xf32>} : () -> tensor<20xf32>
  return %w : tensor<20xf32>
}
