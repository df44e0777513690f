// RUN: infc-opt --pass-pipeline='builtin.module(infer-pack-weights)' --split-input-file %s | filecheck %s

// Every window is written out, with strides; the kernel is the left side, as a matrix; the bias comes behind.
// CHECK-DAG: #[[WINDOWS:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d4 * 2 + d2, d5 * 2 + d3)>
// CHECK-LABEL: func.func @strided
func.func @strided(%x: tensor<1x4x9x9xf32>, %init: tensor<1x20x4x4xf32>) -> tensor<1x20x4x4xf32> {
  // CHECK: %[[W:.*]] = "infer.weight"() {{.*}}key = "w|reshape[20,36]", layout = "mmt4d[16,1]", logical = tensor<20x36xf32>, source = "w"{{.*}} -> tensor<2x36x16x1xf32>
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<20x4x3x3xf32>} : () -> tensor<20x4x3x3xf32>
  // CHECK: %[[C:.*]] = linalg.generic {indexing_maps = [#[[WINDOWS]], {{.*}} ins(%arg0 : {{.*}}) outs(%{{.*}} : tensor<1x4x3x3x4x4xf32>)
  // CHECK: %[[M:.*]] = tensor.collapse_shape %[[C]] {{\[\[}}0], [1, 2, 3], [4, 5]] : {{.*}} into tensor<1x36x16xf32>
  // CHECK: %[[P:.*]] = linalg.pack %[[M]] outer_dims_perm = [0, 2, 1] inner_dims_pos = [2, 1] inner_tiles = [16, 1] {{.*}} -> tensor<1x1x36x16x1xf32>
  // CHECK: %[[T:.*]] = tensor.collapse_shape %[[P]] {{.*}} into tensor<1x36x16x1xf32>
  // CHECK: %[[S:.*]] = linalg.mmt4d ins(%[[W]], %[[T]] : {{.*}} -> tensor<2x1x16x16xf32>
  // CHECK: %[[U:.*]] = linalg.unpack {{.*}} outer_dims_perm = [1, 0, 2] inner_dims_pos = [1, 2] inner_tiles = [16, 16] {{.*}} -> tensor<1x20x16xf32>
  // CHECK: %[[Y:.*]] = tensor.expand_shape %[[U]] {{.*}} output_shape [1, 20, 4, 4]
  // CHECK: linalg.generic {{.*}} ins(%[[Y]], %arg1
  // CHECK: arith.addf
  // CHECK-NOT: linalg.conv
  %y = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>} ins(%x, %w : tensor<1x4x9x9xf32>, tensor<20x4x3x3xf32>) outs(%init : tensor<1x20x4x4xf32>) -> tensor<1x20x4x4xf32>
  return %y : tensor<1x20x4x4xf32>
}

// -----

// Groups are matrices of their own, and nothing moves for a kernel of one element. bf16 stays in the slab.
// CHECK-LABEL: func.func @grouped
func.func @grouped(%x: tensor<2x2x8x5x5xbf16>) -> tensor<2x2x6x5x5xf32> {
  // CHECK: %[[W:.*]] = "infer.weight"() {{.*}}layout = "mmt4d[8,1]", logical = tensor<2x6x8xbf16>{{.*}} -> tensor<2x1x8x8x1xbf16>
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<12x8x1x1xbf16>} : () -> tensor<12x8x1x1xbf16>
  %g = tensor.expand_shape %w [[0, 1], [2], [3], [4]] output_shape [2, 6, 8, 1, 1] : tensor<12x8x1x1xbf16> into tensor<2x6x8x1x1xbf16>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x2x6x5x5xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x2x6x5x5xf32>) -> tensor<2x2x6x5x5xf32>
  // CHECK: %[[X:.*]] = arith.extf %arg0
  // CHECK: tensor.collapse_shape %[[X]] {{\[\[}}0], [1], [2], [3, 4]] : {{.*}} into tensor<2x2x8x25xf32>
  // CHECK: linalg.pack {{.*}} outer_dims_perm = [1, 0, 3, 2] inner_dims_pos = [3, 2] inner_tiles = [16, 1] {{.*}} -> tensor<2x2x2x8x16x1xf32>
  // CHECK: linalg.batch_mmt4d ins(%[[W]], %{{.*}} : tensor<2x1x8x8x1xbf16>, tensor<2x4x8x16x1xf32>)
  // CHECK-NOT: arith.addf
  %y = linalg.conv_2d_ngchw_gfchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%x, %g : tensor<2x2x8x5x5xbf16>, tensor<2x6x8x1x1xbf16>) outs(%f : tensor<2x2x6x5x5xf32>) -> tensor<2x2x6x5x5xf32>
  return %y : tensor<2x2x6x5x5xf32>
}

// -----

// A number of images that is not known: one after the other, through the same kernel.
// CHECK-LABEL: func.func @varies
func.func @varies(%x: tensor<?x4x9x9xf32>, %init: tensor<?x20x4x4xf32>) -> tensor<?x20x4x4xf32> {
  // CHECK: "infer.weight"() {{.*}}key = "w|reshape[20,36]", layout = "mmt4d[16,1]"
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<20x4x3x3xf32>} : () -> tensor<20x4x3x3xf32>
  // CHECK: %[[N:.*]] = tensor.dim %arg0
  // CHECK: scf.for %[[I:.*]] = %{{.*}} to %[[N]] step %{{.*}} iter_args(%[[ALL:.*]] = %{{.*}})
  // CHECK: tensor.extract_slice %arg0[%[[I]], 0, 0, 0] [1, 4, 9, 9]
  // CHECK: linalg.mmt4d
  // CHECK: tensor.insert_slice %{{.*}} into %[[ALL]][%[[I]], 0, 0, 0] [1, 20, 4, 4]
  %y = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>} ins(%x, %w : tensor<?x4x9x9xf32>, tensor<20x4x3x3xf32>) outs(%init : tensor<?x20x4x4xf32>) -> tensor<?x20x4x4xf32>
  return %y : tensor<?x20x4x4xf32>
}

// -----

// Groups in three dims, which are loops, with strides and dilations in their maps; in one dim the kernel of rank three.
// CHECK-DAG: affine_map<(d0, d1, d2, d3, d4, d5, d6, d7, d8) -> (d0, d1, d2, d6 * 2 + d3, d7 + d4 * 3, d5 + d8)>
// CHECK-LABEL: func.func @groups_in_three_and_one
// CHECK-DAG: "infer.weight"() {{.*}}key = "w|reshape[2,4,16]", layout = "mmt4d[4,1]"
// CHECK-DAG: "infer.weight"() {{.*}}key = "v|reshape[2,4,6]", layout = "mmt4d[4,1]"
// CHECK-COUNT-2: linalg.batch_mmt4d
// CHECK-NOT: linalg.conv
#x = affine_map<(n, g, f, i, j, k, c, a, b, d) -> (n, g, c, i * 2 + a, j + b * 3, k + d)>
#w = affine_map<(n, g, f, i, j, k, c, a, b, d) -> (g, f, c, a, b, d)>
#y = affine_map<(n, g, f, i, j, k, c, a, b, d) -> (n, g, f, i, j, k)>
func.func @groups_in_three_and_one(%x: tensor<1x2x2x4x6x3xf32>, %init: tensor<1x2x4x2x3x2xf32>, %z: tensor<1x2x2x5x1xf32>, %start: tensor<1x2x4x3x1xf32>) -> (tensor<1x2x4x2x3x2xf32>, tensor<1x2x4x3x1xf32>) {
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<8x2x2x2x2xf32>} : () -> tensor<8x2x2x2x2xf32>
  %v = "infer.weight"() {key = "v", digest = "sha256:2", layout = "row_major", logical = tensor<8x2x3xf32>} : () -> tensor<8x2x3xf32>
  %g = tensor.expand_shape %w [[0, 1], [2], [3], [4], [5]] output_shape [2, 4, 2, 2, 2, 2] : tensor<8x2x2x2x2xf32> into tensor<2x4x2x2x2x2xf32>
  %h = tensor.expand_shape %v [[0, 1], [2], [3, 4]] output_shape [2, 4, 2, 3, 1] : tensor<8x2x3xf32> into tensor<2x4x2x3x1xf32>
  %y = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction", "reduction"]} ins(%x, %g : tensor<1x2x2x4x6x3xf32>, tensor<2x4x2x2x2x2xf32>) outs(%init : tensor<1x2x4x2x3x2xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %p, %out : f32
    linalg.yield %s : f32
  } -> tensor<1x2x4x2x3x2xf32>
  %u = linalg.conv_2d_ngchw_gfchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%z, %h : tensor<1x2x2x5x1xf32>, tensor<2x4x2x3x1xf32>) outs(%start : tensor<1x2x4x3x1xf32>) -> tensor<1x2x4x3x1xf32>
  return %y, %u : tensor<1x2x4x2x3x2xf32>, tensor<1x2x4x3x1xf32>
}
