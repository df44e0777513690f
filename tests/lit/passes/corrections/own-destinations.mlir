// RUN: infc-opt --pass-pipeline='builtin.module(infer-own-destinations)' %s | filecheck %s

#map = affine_map<(d0) -> (d0)>

// Two sorts of one index sequence, which is also returned: each has a copy, and each copy a value of its own.
// CHECK-LABEL: func.func @two_sorts
func.func @two_sorts(%x: tensor<64xf32>, %y: tensor<64xf32>) -> (tensor<64xi64>, tensor<64xi64>, tensor<64xi64>) {
  %empty = tensor.empty() : tensor<64xi64>
  // CHECK: %[[IOTA:.*]] = linalg.generic
  %iota = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel"]} outs(%empty : tensor<64xi64>) {
  ^bb0(%out: i64):
    %i = linalg.index 0 : index
    %c = arith.index_cast %i : index to i64
    linalg.yield %c : i64
  } -> tensor<64xi64>
  // CHECK: %[[OWN:.*]] = "util.optimization_barrier"(%{{.*}}) : (i1) -> i1
  // CHECK: %[[MINE:.*]] = linalg.generic {{.*}} ins(%[[IOTA]] :
  // CHECK: arith.select %[[OWN]]
  // CHECK: tm_tensor.sort dimension(0) outs(%arg0, %[[MINE]] :
  %a:2 = tm_tensor.sort dimension(0) outs(%x, %iota : tensor<64xf32>, tensor<64xi64>) {
  ^bb0(%v: f32, %w: f32, %i: i64, %j: i64):
    %less = arith.cmpf ole, %v, %w : f32
    tm_tensor.yield %less : i1
  } -> tensor<64xf32>, tensor<64xi64>
  // CHECK: %[[OTHER:.*]] = "util.optimization_barrier"
  // CHECK: arith.select %[[OTHER]]
  // CHECK: tm_tensor.sort dimension(0) outs(%arg1, %
  %b:2 = tm_tensor.sort dimension(0) outs(%y, %iota : tensor<64xf32>, tensor<64xi64>) {
  ^bb0(%v: f32, %w: f32, %i: i64, %j: i64):
    %less = arith.cmpf ole, %v, %w : f32
    tm_tensor.yield %less : i1
  } -> tensor<64xf32>, tensor<64xi64>
  // CHECK: return %{{.*}}#1, %{{.*}}#1, %[[IOTA]]
  return %a#1, %b#1, %iota : tensor<64xi64>, tensor<64xi64>, tensor<64xi64>
}

// A mask behind a view, of which a part is overwritten; a product that begins with it.
// CHECK-LABEL: func.func @mask
func.func @mask(%part: tensor<2x4xf32>, %x: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %empty = tensor.empty() : tensor<16xf32>
  %flat = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel"]} outs(%empty : tensor<16xf32>) {
  ^bb0(%out: f32):
    %i = linalg.index 0 : index
    %c = arith.index_cast %i : index to i32
    %f = arith.sitofp %c : i32 to f32
    linalg.yield %f : f32
  } -> tensor<16xf32>
  // CHECK: %[[VIEW:.*]] = tensor.expand_shape
  %mask = tensor.expand_shape %flat [[0, 1]] output_shape [4, 4] : tensor<16xf32> into tensor<4x4xf32>
  // CHECK: %[[MINE:.*]] = linalg.generic {{.*}} ins(%[[VIEW]] :
  // CHECK: tensor.insert_slice %arg0 into %[[MINE]]
  %a = tensor.insert_slice %part into %mask[1, 0] [2, 4] [1, 1] : tensor<2x4xf32> into tensor<4x4xf32>
  // CHECK: %[[SUM:.*]] = linalg.generic {{.*}} ins(%[[VIEW]] :
  // CHECK: linalg.matmul ins(%arg1, %arg1 : {{.*}}) outs(%[[SUM]] :
  %b = linalg.matmul ins(%x, %x : tensor<4x4xf32>, tensor<4x4xf32>) outs(%mask : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %a, %b : tensor<4x4xf32>, tensor<4x4xf32>
}

// What comes from an input, from a weight or from filling is left alone, and so is a destination that is not read.
// CHECK-LABEL: func.func @left_alone
// CHECK-NOT: util.optimization_barrier
func.func @left_alone(%part: tensor<2xf32>, %x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<4xf32>
  %filled = linalg.fill ins(%zero : f32) outs(%empty : tensor<4xf32>) -> tensor<4xf32>
  %ones = arith.constant dense<1.0> : tensor<4xf32>
  %constant = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %weight = "util.global.load"() {global = @__weight_0} : () -> tensor<4xf32>
  %shifted = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel"]} ins(%weight, %constant : tensor<4xf32>, tensor<4xf32>) outs(%constant : tensor<4xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %sum = arith.addf %a, %b : f32
    linalg.yield %sum : f32
  } -> tensor<4xf32>
  %0 = tensor.insert_slice %part into %filled[0] [2] [1] : tensor<2xf32> into tensor<4xf32>
  %1 = tensor.insert_slice %part into %ones[0] [2] [1] : tensor<2xf32> into tensor<4xf32>
  %2 = tensor.insert_slice %part into %x[0] [2] [1] : tensor<2xf32> into tensor<4xf32>
  %3 = tensor.insert_slice %part into %shifted[0] [2] [1] : tensor<2xf32> into tensor<4xf32>
  return %0, %1, %2, %3 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// The first half is computed from the second, by way of a body that reads it.
// CHECK-LABEL: func.func @half
func.func @half(%x: tensor<4xf32>, %places: tensor<2xindex>) -> tensor<4xf32> {
  // CHECK: %[[PART:.*]] = linalg.generic
  %empty = tensor.empty() : tensor<2xf32>
  %part = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%places : tensor<2xindex>) outs(%empty : tensor<2xf32>) {
  ^bb0(%at: index, %out: f32):
    %value = tensor.extract %x[%at] : tensor<4xf32>
    linalg.yield %value : f32
  } -> tensor<2xf32>
  // CHECK: %[[MINE:.*]] = linalg.generic {{.*}} ins(%arg0 :
  // CHECK: tensor.insert_slice %[[PART]] into %[[MINE]]
  %a = tensor.insert_slice %part into %x[0] [2] [1] : tensor<2xf32> into tensor<4xf32>
  return %a : tensor<4xf32>
}

// Updates that are the destination itself, in another shape.
// CHECK-LABEL: func.func @onto_itself
func.func @onto_itself(%x: tensor<4xf32>, %places: tensor<4x1xi64>) -> tensor<4xf32> {
  // CHECK: %[[MINE:.*]] = linalg.generic {{.*}} ins(%arg0 :
  // CHECK: tm_tensor.scatter {{.*}} outs(%[[MINE]] :
  %rows = tensor.expand_shape %x [[0, 1]] output_shape [4, 1] : tensor<4xf32> into tensor<4x1xf32>
  %r = tm_tensor.scatter {dimension_map = array<i64: 0>} unique_indices(false) ins(%rows, %places : tensor<4x1xf32>, tensor<4x1xi64>) outs(%x : tensor<4xf32>) {
  ^bb0(%new: f32, %old: f32):
    %sum = arith.addf %old, %new : f32
    tm_tensor.yield %sum : f32
  } -> tensor<4xf32>
  return %r : tensor<4xf32>
}
