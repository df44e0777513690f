// RUN: infc-opt --pass-pipeline='builtin.module(infer-partition{stages=2},infer-outline-stages)' %s | filecheck %s

// CHECK: func.func private @chain_stage0(%arg0: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) attributes {infer.placement = "device0", infer.stage = "stage0"} {
// CHECK-NOT: unrealized_conversion_cast
// CHECK: return
// CHECK: func.func private @chain_stage1(%arg0: tensor<1x32xf32>) -> tensor<1x32xf32> attributes {infer.placement = "device1", infer.stage = "stage1"} {
// CHECK: return

// CHECK: func.func @chain(%[[X:.*]]: tensor<1x32xf32>)
// CHECK-NEXT: %[[A:.*]]:2 = call @chain_stage0(%[[X]])
// CHECK-NEXT: %[[B:.*]] = "infer.transfer"(%[[A]]#1) {source = "device0", target = "device1"}
// CHECK-NEXT: %[[C:.*]] = call @chain_stage1(%[[B]])
// CHECK-NEXT: return %[[C]], %[[A]]#0
func.func @chain(%x: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
  %w0 = "infer.weight"() {key = "layer.0.weight", digest = "sha256:0", layout = "row_major", logical = tensor<32x32xf32>} : () -> tensor<32x32xf32>
  %w1 = "infer.weight"() {key = "layer.1.weight", digest = "sha256:1", layout = "row_major", logical = tensor<32x32xf32>} : () -> tensor<32x32xf32>
  %w2 = "infer.weight"() {key = "layer.2.weight", digest = "sha256:2", layout = "row_major", logical = tensor<32x32xf32>} : () -> tensor<32x32xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x32xf32>) -> tensor<1x32xf32>
  %a = linalg.matmul ins(%x, %w0 : tensor<1x32xf32>, tensor<32x32xf32>) outs(%f : tensor<1x32xf32>) -> tensor<1x32xf32>
  %b = linalg.matmul ins(%a, %w1 : tensor<1x32xf32>, tensor<32x32xf32>) outs(%f : tensor<1x32xf32>) -> tensor<1x32xf32>
  %c = linalg.matmul ins(%b, %w2 : tensor<1x32xf32>, tensor<32x32xf32>) outs(%f : tensor<1x32xf32>) -> tensor<1x32xf32>
  // A value that only a later stage and the caller read.
  return %c, %a : tensor<1x32xf32>, tensor<1x32xf32>
}
