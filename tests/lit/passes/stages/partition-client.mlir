// What is computed from inputs alone, without weights, goes to the client with what its rules put there, wherever it
// stands; what only stands behind it does not.
// RUN: infc-opt --pass-pipeline='builtin.module(infer-partition{split=embed:client;*:pool},infer-outline-stages)' %s | filecheck %s

// CHECK: func.func private @forward_stage0(%{{.*}}: tensor<1x32xf32>, %{{.*}}: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) attributes {infer.placement = "client"
// CHECK: math.exp
// CHECK: func.func private @forward_stage1(%{{.*}}: tensor<1x32xf32>, %{{.*}}: tensor<1x32xf32>) -> tensor<1x32xf32> attributes {infer.placement = "pool"
// CHECK: math.tanh
// CHECK-NOT: forward_stage2
// CHECK: func.func @forward(
func.func @forward(%x: tensor<1x32xf32>, %mask: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %w0 = "infer.weight"() {key = "embed.weight", digest = "sha256:0", layout = "row_major", logical = tensor<32x32xf32>} : () -> tensor<32x32xf32>
  %w1 = "infer.weight"() {key = "head.weight", digest = "sha256:1", layout = "row_major", logical = tensor<32x32xf32>} : () -> tensor<32x32xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x32xf32>) -> tensor<1x32xf32>
  %a = linalg.matmul ins(%x, %w0 : tensor<1x32xf32>, tensor<32x32xf32>) outs(%f : tensor<1x32xf32>) -> tensor<1x32xf32>
  %b = linalg.matmul ins(%a, %w1 : tensor<1x32xf32>, tensor<32x32xf32>) outs(%f : tensor<1x32xf32>) -> tensor<1x32xf32>
  %bias = math.exp %mask : tensor<1x32xf32>
  %c = arith.addf %b, %bias : tensor<1x32xf32>
  %d = math.tanh %c : tensor<1x32xf32>
  return %d : tensor<1x32xf32>
}

// A reshape that only the pool reads is not sent beside what it is made from.
// CHECK-LABEL: func.func private @reshaped_stage0(
// CHECK-SAME: -> tensor<1x32xf32> attributes {infer.placement = "client"
// CHECK-LABEL: func.func private @reshaped_stage1(
// CHECK: tensor.collapse_shape
func.func @reshaped(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %w0 = "infer.weight"() {key = "embed.weight", digest = "sha256:0", layout = "row_major", logical = tensor<32x32xf32>} : () -> tensor<32x32xf32>
  %w1 = "infer.weight"() {key = "head.weight", digest = "sha256:1", layout = "row_major", logical = tensor<32xf32>} : () -> tensor<32xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x32xf32>) -> tensor<1x32xf32>
  %a = linalg.matmul ins(%x, %w0 : tensor<1x32xf32>, tensor<32x32xf32>) outs(%f : tensor<1x32xf32>) -> tensor<1x32xf32>
  %flat = tensor.collapse_shape %a [[0, 1]] : tensor<1x32xf32> into tensor<32xf32>
  %b = arith.addf %flat, %w1 : tensor<32xf32>
  %wide = tensor.expand_shape %b [[0, 1]] output_shape [1, 32] : tensor<32xf32> into tensor<1x32xf32>
  %c = arith.addf %wide, %a : tensor<1x32xf32>
  return %c : tensor<1x32xf32>
}
