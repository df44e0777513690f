// RUN: infc-opt --pass-pipeline='builtin.module(infer-guard-gathers)' %s | filecheck %s

#id = affine_map<(d0) -> (d0)>
// CHECK-LABEL: func.func @gather
func.func @gather(%table: tensor<512xf32>, %ids: tensor<4xi64>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %c512 = arith.constant 512 : index
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%ids : tensor<4xi64>) outs(%e : tensor<4xf32>) {
  ^bb0(%in: i64, %out: f32):
    // CHECK: %[[I:.*]] = arith.index_cast
    %i = arith.index_cast %in : i64 to index
    %ok = arith.cmpi slt, %i, %c512 : index
    // CHECK-NOT: cf.assert
    cf.assert %ok, "index must be smaller than dim size"
    // CHECK: %[[ZERO:.*]] = arith.constant 0 : index
    // CHECK: %[[LOW:.*]] = arith.maxsi %[[I]], %[[ZERO]]
    // CHECK: %[[LAST:.*]] = arith.constant 511 : index
    // CHECK: %[[SAFE:.*]] = arith.minsi %[[LOW]], %[[LAST]]
    // CHECK: tensor.extract %{{.*}}[%[[SAFE]]]
    %v = tensor.extract %table[%i] : tensor<512xf32>
    linalg.yield %v : f32
  } -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// The loop's own index is in range.
// CHECK-LABEL: func.func @own_index
func.func @own_index(%table: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  // CHECK-NOT: arith.minsi
  %r = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel"]} outs(%e : tensor<4xf32>) {
  ^bb0(%out: f32):
    %i = linalg.index 0 : index
    %v = tensor.extract %table[%i] : tensor<4xf32>
    linalg.yield %v : f32
  } -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// The size of a dynamic dim is asked for.
// CHECK-LABEL: func.func @dynamic
func.func @dynamic(%table: tensor<?xf32>, %ids: tensor<?xi64>, %e: tensor<?xf32>) -> tensor<?xf32> {
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%ids : tensor<?xi64>) outs(%e : tensor<?xf32>) {
  ^bb0(%in: i64, %out: f32):
    %i = arith.index_cast %in : i64 to index
    // CHECK: %[[LOW:.*]] = arith.maxsi
    // CHECK: %[[SIZE:.*]] = tensor.dim %{{.*}}, %{{.*}} : tensor<?xf32>
    // CHECK: %[[LAST:.*]] = arith.subi %[[SIZE]]
    // CHECK: %[[SAFE:.*]] = arith.minsi %[[LOW]], %[[LAST]]
    // CHECK: tensor.extract %{{.*}}[%[[SAFE]]]
    %v = tensor.extract %table[%i] : tensor<?xf32>
    linalg.yield %v : f32
  } -> tensor<?xf32>
  return %r : tensor<?xf32>
}
