// RUN: infc-opt --pass-pipeline='builtin.module(infer-limit-bindings{limit=3})' %s | filecheck %s
// RUN: infc-opt --pass-pipeline='builtin.module(infer-limit-bindings)' %s | filecheck --check-prefix=ROOM %s

#map = affine_map<(d0) -> (d0)>

// A sum of five is cut where the third has been added. What is read twice counts once, a constant not at all.
// CHECK-LABEL: func.func @sum
// ROOM-LABEL: func.func @sum
// ROOM-NOT: barrier
func.func @sum(%a: tensor<8xf32>, %b: tensor<8xf32>, %c: tensor<8xf32>, %d: tensor<8xf32>) -> tensor<8xf32> {
  %e = tensor.empty() : tensor<8xf32>
  // CHECK: %[[AB:.*]] = linalg.generic {{.*}} ins(%arg0, %arg1 :
  %ab = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel"]} ins(%a, %b : tensor<8xf32>, tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %s = arith.addf %x, %y : f32
    linalg.yield %s : f32
  } -> tensor<8xf32>
  // CHECK: %[[ABA:.*]] = linalg.generic {{.*}} ins(%[[AB]], %arg0 :
  %aba = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel"]} ins(%ab, %a : tensor<8xf32>, tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %s = arith.addf %x, %y : f32
    linalg.yield %s : f32
  } -> tensor<8xf32>
  // CHECK: %[[ABC:.*]] = linalg.generic {{.*}} ins(%[[ABA]], %arg2 :
  %abc = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel"]} ins(%aba, %c : tensor<8xf32>, tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %s = arith.addf %x, %y : f32
    linalg.yield %s : f32
  } -> tensor<8xf32>
  // CHECK: %[[WHOLE:.*]] = "util.optimization_barrier"(%[[ABC]]) : (tensor<8xf32>) -> tensor<8xf32>
  // CHECK: linalg.generic {{.*}} ins(%[[WHOLE]], %arg3 :
  %abcd = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel"]} ins(%abc, %d : tensor<8xf32>, tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %s = arith.addf %x, %y : f32
    linalg.yield %s : f32
  } -> tensor<8xf32>
  return %abcd : tensor<8xf32>
}

// What a product gives is read, not what it is made of.
// CHECK-LABEL: func.func @product
// CHECK-NOT: barrier
func.func @product(%a: tensor<8x8xf32>, %b: tensor<8x8xf32>, %c: tensor<8x8xf32>, %d: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %p = linalg.matmul ins(%a, %b : tensor<8x8xf32>, tensor<8x8xf32>) outs(%c : tensor<8x8xf32>) -> tensor<8x8xf32>
  %q = linalg.matmul ins(%p, %d : tensor<8x8xf32>, tensor<8x8xf32>) outs(%p : tensor<8x8xf32>) -> tensor<8x8xf32>
  return %q : tensor<8x8xf32>
}

// A barrier says nothing of sizes that vary: they are tied to what is behind it.
// CHECK-LABEL: func.func @varying
// CHECK: %[[SUM:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %arg2 :
// CHECK: %[[WHOLE:.*]] = "util.optimization_barrier"(%[[SUM]]) : (tensor<?xf32>) -> tensor<?xf32>
// CHECK: %[[SIZE:.*]] = tensor.dim %[[SUM]], %{{.*}}
// CHECK: %[[TIED:.*]] = "flow.tensor.tie_shape"(%[[WHOLE]], %[[SIZE]]) : (tensor<?xf32>, index) -> tensor<?xf32>
// CHECK: linalg.generic {{.*}} ins(%[[TIED]], %arg3 :
func.func @varying(%a: tensor<?xf32>, %b: tensor<?xf32>, %c: tensor<?xf32>, %d: tensor<?xf32>, %size: index) -> tensor<?xf32> {
  %o = tensor.empty(%size) : tensor<?xf32>
  %ab = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel"]} ins(%a, %b : tensor<?xf32>, tensor<?xf32>) outs(%o : tensor<?xf32>) {
  ^bb0(%u: f32, %v: f32, %w: f32):
    %s = arith.addf %u, %v : f32
    linalg.yield %s : f32
  } -> tensor<?xf32>
  %abc = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel"]} ins(%ab, %c : tensor<?xf32>, tensor<?xf32>) outs(%o : tensor<?xf32>) {
  ^bb0(%u: f32, %v: f32, %w: f32):
    %s = arith.addf %u, %v : f32
    linalg.yield %s : f32
  } -> tensor<?xf32>
  %abcd = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel"]} ins(%abc, %d : tensor<?xf32>, tensor<?xf32>) outs(%o : tensor<?xf32>) {
  ^bb0(%u: f32, %v: f32, %w: f32):
    %s = arith.addf %u, %v : f32
    linalg.yield %s : f32
  } -> tensor<?xf32>
  return %abcd : tensor<?xf32>
}
