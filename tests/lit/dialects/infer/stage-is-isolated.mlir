// RUN: infc-opt --pass-pipeline='builtin.module(canonicalize,cse)' %s | filecheck %s

// Neither constants nor equal weights leave a stage or come together across two of them.
// CHECK-LABEL: func.func @f
func.func @f(%t: tuple<tensor<4xf32>>) -> tuple<tensor<4xf32>> {
  // CHECK-NEXT: "infer.stage"
  // CHECK: arith.constant
  // CHECK: "infer.weight"
  // CHECK: "infer.stage"
  // CHECK: arith.constant
  // CHECK: "infer.weight"
  %a = "infer.stage"(%t) ({
  ^bb0(%x: tensor<4xf32>):
    %c = arith.constant dense<2.0> : tensor<4xf32>
    %w = "infer.weight"() {key = "w", digest = "sha256:0", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>
    %p = arith.mulf %w, %c : tensor<4xf32>
    %s = arith.addf %x, %p : tensor<4xf32>
    %y = builtin.unrealized_conversion_cast %s : tensor<4xf32> to tuple<tensor<4xf32>>
    "infer.yield"(%y) : (tuple<tensor<4xf32>>) -> ()
  }) {stage = "a", placement = "cpu0"} : (tuple<tensor<4xf32>>) -> tuple<tensor<4xf32>>
  %b = "infer.stage"(%a) ({
  ^bb0(%x: tensor<4xf32>):
    %c = arith.constant dense<2.0> : tensor<4xf32>
    %w = "infer.weight"() {key = "w", digest = "sha256:0", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>
    %p = arith.mulf %w, %c : tensor<4xf32>
    %s = arith.addf %x, %p : tensor<4xf32>
    %y = builtin.unrealized_conversion_cast %s : tensor<4xf32> to tuple<tensor<4xf32>>
    "infer.yield"(%y) : (tuple<tensor<4xf32>>) -> ()
  }) {stage = "b", placement = "cpu1"} : (tuple<tensor<4xf32>>) -> tuple<tensor<4xf32>>
  return %b : tuple<tensor<4xf32>>
}
