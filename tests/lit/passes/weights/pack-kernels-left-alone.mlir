// RUN: infc-opt --pass-pipeline='builtin.module(infer-pack-weights)' %s | filecheck %s

// CHECK-NOT: mmt4d

// Few features, and no strides: IREE's own loops are as fast.
// CHECK-LABEL: func.func @narrow
func.func @narrow(%x: tensor<1x4x9x9xf32>, %init: tensor<1x12x7x7xf32>) -> tensor<1x12x7x7xf32> {
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<12x4x3x3xf32>} : () -> tensor<12x4x3x3xf32>
  // CHECK: linalg.conv_2d_nchw_fchw
  %y = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%x, %w : tensor<1x4x9x9xf32>, tensor<12x4x3x3xf32>) outs(%init : tensor<1x12x7x7xf32>) -> tensor<1x12x7x7xf32>
  return %y : tensor<1x12x7x7xf32>
}

// Windows that would take more memory than pays.
// CHECK-LABEL: func.func @large
func.func @large(%x: tensor<1x64x114x114xf32>, %init: tensor<1x128x112x112xf32>) -> tensor<1x128x112x112xf32> {
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<128x64x3x3xf32>} : () -> tensor<128x64x3x3xf32>
  // CHECK: linalg.conv_2d_nchw_fchw
  %y = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%x, %w : tensor<1x64x114x114xf32>, tensor<128x64x3x3xf32>) outs(%init : tensor<1x128x112x112xf32>) -> tensor<1x128x112x112xf32>
  return %y : tensor<1x128x112x112xf32>
}

// A 1×1 kernel over many elements, which `infer-pointwise-products` takes as it lies.
// CHECK-LABEL: func.func @pointwise
func.func @pointwise(%x: tensor<1x4x40x40xf32>, %init: tensor<1x16x40x40xf32>) -> tensor<1x16x40x40xf32> {
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<16x4x1x1xf32>} : () -> tensor<16x4x1x1xf32>
  // CHECK: linalg.conv_2d_nchw_fchw
  %y = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%x, %w : tensor<1x4x40x40xf32>, tensor<16x4x1x1xf32>) outs(%init : tensor<1x16x40x40xf32>) -> tensor<1x16x40x40xf32>
  return %y : tensor<1x16x40x40xf32>
}

// A kernel that something else reads as well.
// CHECK-LABEL: func.func @shared
func.func @shared(%x: tensor<1x4x9x9xf32>, %init: tensor<1x16x4x4xf32>) -> (tensor<1x16x4x4xf32>, tensor<16x4x3x3xf32>) {
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<16x4x3x3xf32>} : () -> tensor<16x4x3x3xf32>
  // CHECK: linalg.conv_2d_nchw_fchw
  %y = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>} ins(%x, %w : tensor<1x4x9x9xf32>, tensor<16x4x3x3xf32>) outs(%init : tensor<1x16x4x4xf32>) -> tensor<1x16x4x4xf32>
  return %y, %w : tensor<1x16x4x4xf32>, tensor<16x4x3x3xf32>
}

// One kernel element a channel and group: the product would have one row.
// CHECK-LABEL: func.func @depthwise
func.func @depthwise(%x: tensor<1x16x9x9xf32>, %init: tensor<1x16x4x4xf32>) -> tensor<1x16x4x4xf32> {
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<16x3x3xf32>} : () -> tensor<16x3x3xf32>
  // CHECK: linalg.depthwise_conv_2d_nchw_chw
  %y = linalg.depthwise_conv_2d_nchw_chw {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>} ins(%x, %w : tensor<1x16x9x9xf32>, tensor<16x3x3xf32>) outs(%init : tensor<1x16x4x4xf32>) -> tensor<1x16x4x4xf32>
  return %y : tensor<1x16x4x4xf32>
}

// Loops that are almost a convolution in groups: the largest of the products, and a sum that is not of the window.
// CHECK-LABEL: func.func @loops
#x = affine_map<(n, g, f, i, c, a) -> (n, g, c, i + a)>
#w = affine_map<(n, g, f, i, c, a) -> (g, f, c, a)>
#y = affine_map<(n, g, f, i, c, a) -> (n, g, f, i)>
#t = affine_map<(n, g, f, i, c, a) -> (n, g, c, i)>
func.func @loops(%x: tensor<1x2x4x9xf32>, %init: tensor<1x2x8x7xf32>) -> (tensor<1x2x8x7xf32>, tensor<1x2x8x7xf32>) {
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<2x8x4x3xf32>} : () -> tensor<2x8x4x3xf32>
  %v = "infer.weight"() {key = "v", digest = "sha256:2", layout = "row_major", logical = tensor<2x8x4x3xf32>} : () -> tensor<2x8x4x3xf32>
  // CHECK: arith.maximumf
  %y = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]} ins(%x, %w : tensor<1x2x4x9xf32>, tensor<2x8x4x3xf32>) outs(%init : tensor<1x2x8x7xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.maximumf %p, %out : f32
    linalg.yield %s : f32
  } -> tensor<1x2x8x7xf32>
  %short = tensor.extract_slice %x[0, 0, 0, 0] [1, 2, 4, 7] [1, 1, 1, 1] : tensor<1x2x4x9xf32> to tensor<1x2x4x7xf32>
  // CHECK: ins(%{{.*}} : tensor<1x2x4x7xf32>, tensor<2x8x4x3xf32>)
  %u = linalg.generic {indexing_maps = [#t, #w, #y], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]} ins(%short, %v : tensor<1x2x4x7xf32>, tensor<2x8x4x3xf32>) outs(%init : tensor<1x2x8x7xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %p, %out : f32
    linalg.yield %s : f32
  } -> tensor<1x2x8x7xf32>
  return %y, %u : tensor<1x2x8x7xf32>, tensor<1x2x8x7xf32>
}
