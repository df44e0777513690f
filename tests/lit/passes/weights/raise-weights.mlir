// RUN: infc-opt --pass-pipeline='builtin.module(infer-raise-weights)' %s | filecheck %s

// The dictionary goes with the pass.
// CHECK-NOT: infer.weights
module attributes {infer.weights = {a.b = "sha256:1", "c d" = "sha256:2", "größe" = "sha256:3"}} {
  // CHECK-LABEL: func.func @main
  func.func @main() -> (tensor<4x8xf32>, tensor<3xi64>, tensor<2xf32>, tensor<2xf32>) {
    // CHECK: "infer.weight"() {digest = "sha256:1", key = "a.b", layout = "row_major", logical = tensor<4x8xf32>}
    %0 = arith.constant dense_resource<a.b> : tensor<4x8xf32>
    // CHECK: "infer.weight"() {digest = "sha256:2", key = "c d", layout = "row_major", logical = tensor<3xi64>}
    %1 = arith.constant dense_resource<"c d"> : tensor<3xi64>
    // MLIR writes other characters than ASCII's as bytes.
    // CHECK: "infer.weight"() {digest = "sha256:3", key = "gr\C3\B6\C3\9Fe", layout = "row_major", logical = tensor<2xf32>}
    %3 = arith.constant dense_resource<"größe"> : tensor<2xf32>
    // An ordinary constant stays.
    // CHECK: arith.constant dense<[1.000000e+00, 2.000000e+00]>
    %2 = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
    return %0, %1, %2, %3 : tensor<4x8xf32>, tensor<3xi64>, tensor<2xf32>, tensor<2xf32>
  }
}
