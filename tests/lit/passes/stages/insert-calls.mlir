// RUN: infc-opt --pass-pipeline='builtin.module(infer-partition{split=embed:client;*:pool},infer-outline-stages,rpc-insert-calls)' %s | filecheck %s

// CHECK: "rpc.service"() ({
// CHECK-NEXT: "rpc.method"() {function = @forward_remote, inputs = [{name = "input0", type = tensor<1x32xf32>}], outputs = [{name = "output0", type = tensor<1x32xf32>}], sym_name = "forward"}
// CHECK-NEXT: }) {sym_name = "pool"}

// CHECK: func.func @forward_remote(%[[V:.*]]: tensor<1x32xf32>) -> tensor<1x32xf32>
// CHECK-NEXT: %[[R:.*]] = call @forward_stage1(%[[V]])
// CHECK-NEXT: return %[[R]]

// CHECK: func.func @forward(%[[X:.*]]: tensor<1x32xf32>)
// CHECK-NEXT: %[[A:.*]] = call @forward_stage0(%[[X]])
// CHECK-NEXT: %[[T:.*]] = builtin.unrealized_conversion_cast %[[A]] : tensor<1x32xf32> to tuple<tensor<1x32xf32>>
// CHECK-NEXT: %[[C:.*]] = "rpc.call"(%[[T]]) {method = @pool::@forward}
// CHECK-NEXT: %[[B:.*]] = builtin.unrealized_conversion_cast %[[C]]
// CHECK-NEXT: return %[[B]], %[[A]]
func.func @forward(%x: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
  %w0 = "infer.weight"() {key = "embed.weight", digest = "sha256:0", layout = "row_major", logical = tensor<32x32xf32>} : () -> tensor<32x32xf32>
  %w1 = "infer.weight"() {key = "head.weight", digest = "sha256:1", layout = "row_major", logical = tensor<32x32xf32>} : () -> tensor<32x32xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x32xf32>) -> tensor<1x32xf32>
  %a = linalg.matmul ins(%x, %w0 : tensor<1x32xf32>, tensor<32x32xf32>) outs(%f : tensor<1x32xf32>) -> tensor<1x32xf32>
  %b = linalg.matmul ins(%a, %w1 : tensor<1x32xf32>, tensor<32x32xf32>) outs(%f : tensor<1x32xf32>) -> tensor<1x32xf32>
  return %b, %a : tensor<1x32xf32>, tensor<1x32xf32>
}
