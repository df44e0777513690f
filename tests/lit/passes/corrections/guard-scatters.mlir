// RUN: infc-opt --pass-pipeline='builtin.module(infer-guard-scatters)' %s | filecheck %s

// CHECK-LABEL: func.func @rows
func.func @rows(%updates: tensor<3x4xf32>, %indices: tensor<3x1xi64>, %x: tensor<8x4xf32>) -> tensor<8x4xf32> {
  // CHECK-DAG: %[[SIZES:.*]] = arith.constant dense<8> : tensor<1xi64>
  // CHECK-DAG: %[[LAST:.*]] = arith.constant dense<7> : tensor<1xi64>
  // CHECK: %[[SAFE:.*]] = linalg.generic {{.*}} ins(%arg1, %[[SIZES]], %[[LAST]]
  // CHECK: arith.cmpi slt
  // CHECK: arith.maxsi
  // CHECK: arith.minsi
  // CHECK: tm_tensor.scatter {{.*}} ins(%arg0, %[[SAFE]] :
  %r = tm_tensor.scatter {dimension_map = array<i64: 0>} unique_indices(true) ins(%updates, %indices : tensor<3x4xf32>, tensor<3x1xi64>) outs(%x : tensor<8x4xf32>) {
  ^bb0(%new: f32, %old: f32):
    tm_tensor.yield %new : f32
  } -> tensor<8x4xf32>
  return %r : tensor<8x4xf32>
}

// A limit for each axis that is indexed.
// CHECK-LABEL: func.func @elements
func.func @elements(%updates: tensor<3xf32>, %indices: tensor<3x2xi32>, %x: tensor<8x4xf32>) -> tensor<8x4xf32> {
  // CHECK-DAG: arith.constant dense<[8, 4]> : tensor<2xi32>
  // CHECK-DAG: arith.constant dense<[7, 3]> : tensor<2xi32>
  %r = tm_tensor.scatter {dimension_map = array<i64: 0, 1>} unique_indices(false) ins(%updates, %indices : tensor<3xf32>, tensor<3x2xi32>) outs(%x : tensor<8x4xf32>) {
  ^bb0(%new: f32, %old: f32):
    tm_tensor.yield %new : f32
  } -> tensor<8x4xf32>
  return %r : tensor<8x4xf32>
}

// A window of two rows begins at the last row but one at the latest.
// CHECK-LABEL: func.func @window
func.func @window(%updates: tensor<3x2x4xf32>, %indices: tensor<3x1xi64>, %x: tensor<8x4xf32>) -> tensor<8x4xf32> {
  // CHECK: arith.constant dense<6> : tensor<1xi64>
  %r = tm_tensor.scatter {dimension_map = array<i64: 0>} unique_indices(false) ins(%updates, %indices : tensor<3x2x4xf32>, tensor<3x1xi64>) outs(%x : tensor<8x4xf32>) {
  ^bb0(%new: f32, %old: f32):
    tm_tensor.yield %new : f32
  } -> tensor<8x4xf32>
  return %r : tensor<8x4xf32>
}

// The sizes of dynamic dims are asked for.
// CHECK-LABEL: func.func @dynamic
func.func @dynamic(%updates: tensor<?x4xf32>, %indices: tensor<?x1xi64>, %x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // CHECK: %[[ROWS:.*]] = tensor.dim %arg2, %{{.*}} : tensor<?x4xf32>
  // CHECK: %[[SIZE:.*]] = arith.index_cast %[[ROWS]] : index to i64
  // CHECK: %[[BEHIND:.*]] = arith.subi %[[SIZE]], %{{.*}} : i64
  // CHECK: %[[LAST:.*]] = arith.maxsi %[[BEHIND]], %{{.*}} : i64
  // CHECK-DAG: tensor.from_elements %[[SIZE]] : tensor<1xi64>
  // CHECK-DAG: tensor.from_elements %[[LAST]] : tensor<1xi64>
  // CHECK: tm_tensor.scatter
  %r = tm_tensor.scatter {dimension_map = array<i64: 0>} unique_indices(true) ins(%updates, %indices : tensor<?x4xf32>, tensor<?x1xi64>) outs(%x : tensor<?x4xf32>) {
  ^bb0(%new: f32, %old: f32):
    tm_tensor.yield %new : f32
  } -> tensor<?x4xf32>
  return %r : tensor<?x4xf32>
}
