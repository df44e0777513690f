// RUN: infc-opt --verify-diagnostics --pass-pipeline='builtin.module(infer-partition{stages=1},infer-partition{stages=1})' %s

// expected-error@+1 {{infer-partition: @small is partitioned already}}
func.func @small(%x: tensor<4xf32>) -> tensor<4xf32> {
  %w = "infer.weight"() {key = "layer.0.weight", digest = "sha256:0", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>
  %y = arith.addf %x, %w : tensor<4xf32>
  return %y : tensor<4xf32>
}
