// RUN: infc-opt --pass-pipeline='builtin.module(infer-own-results)' %s | filecheck %s

// A result in another result's memory, and one in a weight's, are copied; an argument and what was computed are not.
// CHECK-LABEL: func.func @shared
func.func @shared(%x: tensor<4x4xf32>, %y: tensor<4xf32>) -> (tensor<4x4xf32>, tensor<16xf32>, tensor<4xf32>, tensor<8xf32>) {
  %two = arith.constant dense<2.0> : tensor<4x4xf32>
  // CHECK: %[[SUM:.*]] = arith.addf
  %sum = arith.addf %x, %two : tensor<4x4xf32>
  // CHECK: %[[FLAT:.*]] = tensor.collapse_shape %[[SUM]]
  %flat = tensor.collapse_shape %sum [[0, 1]] : tensor<4x4xf32> into tensor<16xf32>
  // CHECK: %[[WEIGHT:.*]] = "util.global.load"
  %weight = "util.global.load"() {global = @__weight_0} : () -> tensor<8xf32>
  // CHECK: %[[MINE:.*]] = linalg.generic {{.*}} ins(%[[FLAT]] :
  // CHECK: %[[COPY:.*]] = linalg.generic {{.*}} ins(%[[WEIGHT]] :
  // CHECK: return %[[SUM]], %[[MINE]], %arg1, %[[COPY]]
  return %sum, %flat, %y, %weight : tensor<4x4xf32>, tensor<16xf32>, tensor<4xf32>, tensor<8xf32>
}
