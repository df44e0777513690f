// RUN: infc-opt --pass-pipeline='builtin.module(infer-dedupe-weights)' %s | filecheck %s

// CHECK-LABEL: func.func @main
func.func @main() -> (tensor<4xf32>, tensor<4xf32>, tensor<2x2xf32>, tensor<4xf32>) {
  // CHECK: %[[A:.*]] = "infer.weight"() {{.*}}key = "a"
  %a = "infer.weight"() {key = "a", digest = "sha256:1", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>
  // The same contents in the same shape: one weight.
  // CHECK-NOT: key = "tied"
  %b = "infer.weight"() {key = "tied", digest = "sha256:1", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>
  // Another type is another weight.
  // CHECK: %[[C:.*]] = "infer.weight"() {{.*}}key = "c"
  %c = "infer.weight"() {key = "c", digest = "sha256:1", layout = "row_major", logical = tensor<2x2xf32>} : () -> tensor<2x2xf32>
  // Other contents too.
  // CHECK: %[[D:.*]] = "infer.weight"() {{.*}}key = "d"
  %d = "infer.weight"() {key = "d", digest = "sha256:2", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>
  // CHECK: return %[[A]], %[[A]], %[[C]], %[[D]]
  return %a, %b, %c, %d : tensor<4xf32>, tensor<4xf32>, tensor<2x2xf32>, tensor<4xf32>
}

// A key is the same in every function.
// CHECK-LABEL: func.func @other
func.func @other() -> tensor<4xf32> {
  // CHECK: key = "a"
  %e = "infer.weight"() {key = "e", digest = "sha256:1", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>
  return %e : tensor<4xf32>
}

// So is another layout, though it may have the same type.
// CHECK-LABEL: func.func @layouts
func.func @layouts() -> (tensor<1x16x16x1xf32>, tensor<1x16x16x1xf32>) {
  // CHECK: %[[P:.*]] = "infer.weight"() {{.*}}layout = "mmt4d[16,1]"
  %p = "infer.weight"() {key = "p", digest = "sha256:3", layout = "mmt4d[16,1]", logical = tensor<16x16xf32>} : () -> tensor<1x16x16x1xf32>
  // CHECK: %[[T:.*]] = "infer.weight"() {{.*}}layout = "mmt4d[16,1t]"
  %t = "infer.weight"() {key = "t", digest = "sha256:3", layout = "mmt4d[16,1t]", logical = tensor<16x16xf32>} : () -> tensor<1x16x16x1xf32>
  // CHECK: return %[[P]], %[[T]]
  return %p, %t : tensor<1x16x16x1xf32>, tensor<1x16x16x1xf32>
}

// Stages keep weights of their own, by one key.
// CHECK-LABEL: func.func @stages
func.func @stages(%x: tuple<tensor<4xf32>>) -> tuple<tensor<4xf32>> {
  // CHECK: %[[FIRST:.*]] = "infer.weight"() {{.*}}key = "f"
  // CHECK-NEXT: unrealized_conversion_cast %[[FIRST]]
  %f = "infer.stage"(%x) ({
  ^bb0(%i: tensor<4xf32>):
    %w = "infer.weight"() {key = "f", digest = "sha256:4", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>
    %t = builtin.unrealized_conversion_cast %w : tensor<4xf32> to tuple<tensor<4xf32>>
    "infer.yield"(%t) : (tuple<tensor<4xf32>>) -> ()
  }) {stage = "one", placement = "a"} : (tuple<tensor<4xf32>>) -> tuple<tensor<4xf32>>
  // CHECK: %[[SECOND:.*]] = "infer.weight"() {{.*}}key = "f"
  // CHECK-NEXT: unrealized_conversion_cast %[[SECOND]]
  %g = "infer.stage"(%f) ({
  ^bb0(%i: tensor<4xf32>):
    %w = "infer.weight"() {key = "g", digest = "sha256:4", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>
    %t = builtin.unrealized_conversion_cast %w : tensor<4xf32> to tuple<tensor<4xf32>>
    "infer.yield"(%t) : (tuple<tensor<4xf32>>) -> ()
  }) {stage = "two", placement = "b"} : (tuple<tensor<4xf32>>) -> tuple<tensor<4xf32>>
  return %g : tuple<tensor<4xf32>>
}
