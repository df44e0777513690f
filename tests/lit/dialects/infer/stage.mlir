// RUN: infc-opt %s | infc-opt | filecheck %s

// CHECK-LABEL: func.func @two_stages
func.func @two_stages(%a: tensor<4xf32>, %b: tensor<2xi64>) -> tensor<4xf32> {
  %in = builtin.unrealized_conversion_cast %a, %b : tensor<4xf32>, tensor<2xi64> to tuple<tensor<4xf32>, tensor<2xi64>>
  // CHECK: "infer.stage"(%{{.*}}) ({
  // CHECK-NEXT: ^bb0(%{{.*}}: tensor<4xf32>, %{{.*}}: tensor<2xi64>):
  %first = "infer.stage"(%in) ({
  ^bb0(%x: tensor<4xf32>, %y: tensor<2xi64>):
    %w = "infer.weight"() {key = "w", digest = "sha256:0", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>
    %sum = arith.addf %x, %w : tensor<4xf32>
    %t = builtin.unrealized_conversion_cast %sum : tensor<4xf32> to tuple<tensor<4xf32>>
    // CHECK: "infer.yield"(%{{.*}}) : (tuple<tensor<4xf32>>) -> ()
    "infer.yield"(%t) : (tuple<tensor<4xf32>>) -> ()
  // CHECK-NEXT: }) {placement = "gpu0", stage = "first"} : (tuple<tensor<4xf32>, tensor<2xi64>>) -> tuple<tensor<4xf32>>
  }) {stage = "first", placement = "gpu0"} : (tuple<tensor<4xf32>, tensor<2xi64>>) -> tuple<tensor<4xf32>>
  %h = builtin.unrealized_conversion_cast %first : tuple<tensor<4xf32>> to tensor<4xf32>
  // CHECK: "infer.transfer"(%{{.*}}) {source = "gpu0", target = "cpu0"} : (tensor<4xf32>) -> tensor<4xf32>
  %there = "infer.transfer"(%h) {source = "gpu0", target = "cpu0"} : (tensor<4xf32>) -> tensor<4xf32>
  return %there : tensor<4xf32>
}
