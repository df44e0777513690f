// RUN: infc-opt --pass-pipeline='builtin.module(infer-partition{stages=2})' %s | filecheck %s
// RUN: infc-opt --pass-pipeline='builtin.module(infer-partition{memory=6KiB placements=gpu0,gpu1,gpu2 optional=1})' %s | filecheck --check-prefix MEMORY %s
// RUN: infc-opt --pass-pipeline='builtin.module(infer-partition{split=layer.1:gpu0;*:cpu0})' %s | filecheck --check-prefix SPLIT %s

// CHECK-LABEL: func.func @chain(%arg0: tensor<1x32xf32>)
// MEMORY-LABEL: func.func @chain
// SPLIT-LABEL: func.func @chain
func.func @chain(%x: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
  // CHECK-NEXT: %[[IN:.*]] = builtin.unrealized_conversion_cast %arg0
  // CHECK-NEXT: %[[FIRST:.*]] = "infer.stage"(%[[IN]]) ({
  // CHECK-NEXT: ^bb0(%[[X:.*]]: tensor<1x32xf32>):
  // CHECK: key = "layer.0.weight"
  // CHECK: linalg.matmul ins(%[[X]]
  // CHECK-NOT: key = "layer.2.weight"
  // CHECK: "infer.yield"
  // CHECK-NEXT: {placement = "device0", stage = "stage0"}
  // CHECK-NEXT: %[[H:.*]]:{{[0-9]+}} = builtin.unrealized_conversion_cast %[[FIRST]]
  // CHECK: "infer.transfer"(%[[H]]#{{[0-9]}}) {source = "device0", target = "device1"}
  // CHECK: "infer.stage"
  // CHECK: key = "layer.2.weight"
  // CHECK: {placement = "device1", stage = "stage1"}
  // CHECK: return

  // A weight of 4 KiB, and the values around it, are what fits into 6 KiB: three stages, for three matrices.
  // MEMORY: {placement = "gpu0", stage = "stage0"}
  // MEMORY: {placement = "gpu1", stage = "stage1"}
  // MEMORY: {placement = "gpu2", stage = "stage2"}

  // SPLIT: {placement = "cpu0", stage = "stage0"}
  // SPLIT: "infer.transfer"(%{{.*}}) {source = "cpu0", target = "gpu0"}
  // SPLIT: {placement = "gpu0", stage = "stage1"}
  // SPLIT: "infer.transfer"(%{{.*}}) {source = "gpu0", target = "cpu0"}
  // SPLIT: {placement = "cpu0", stage = "stage2"}
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
