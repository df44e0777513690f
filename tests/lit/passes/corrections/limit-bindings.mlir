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
