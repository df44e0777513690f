// RUN: infc-opt --verify-diagnostics --pass-pipeline='builtin.module(infer-verify-contract)' %s

func.func @left_over() -> tensor<4xf32> {
  // expected-error@below {{contract 1: a resource of type tensor<4xf32> is no infer.weight}}
  %0 = arith.constant dense_resource<w> : tensor<4xf32>
  return %0 : tensor<4xf32>
}
