// RUN: infc-opt --pass-pipeline='builtin.module(infer-verify-contract{level=1})' %s | filecheck %s

// CHECK-LABEL: func.func @fine
func.func @fine() -> (tensor<1000000xf32>, tensor<2xf32>) {
  // A splat holds one element.
  %0 = arith.constant dense<0.0> : tensor<1000000xf32>
  %1 = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  return %0, %1 : tensor<1000000xf32>, tensor<2xf32>
}
