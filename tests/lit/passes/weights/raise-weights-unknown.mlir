// RUN: infc-opt --verify-diagnostics --pass-pipeline='builtin.module(infer-raise-weights)' %s

func.func @main() -> tensor<4xf32> {
  // expected-error@below {{resource 'w' has no entry in infer.weights}}
  %0 = arith.constant dense_resource<w> : tensor<4xf32>
  return %0 : tensor<4xf32>
}
