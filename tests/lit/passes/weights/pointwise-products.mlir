// RUN: infc-opt --pass-pipeline='builtin.module(infer-pointwise-products,canonicalize)' %s | filecheck %s

// CHECK-DAG: #[[EVERY:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d4 * 2 + d2, d5 * 3 + d3)>
// CHECK-DAG: #[[KERNEL:.*]] = affine_map<(d0, d1, d2, d3) -> (d1, d3)>
// CHECK-DAG: #[[IMAGES:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d3, d2)>
// CHECK-DAG: #[[SUMS:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>

// CHECK-LABEL: func.func @product
// CHECK-SAME: (%[[X:.*]]: tensor<2x4x6x6xf32>, %[[W:.*]]: tensor<8x4x1x1xf32>, %[[INIT:.*]]: tensor<2x8x6x6xf32>)
// CHECK-DAG: %[[A:.*]] = tensor.collapse_shape %[[X]] {{\[\[}}0], [1], [2, 3]] : tensor<2x4x6x6xf32> into tensor<2x4x36xf32>
// CHECK-DAG: %[[B:.*]] = tensor.collapse_shape %[[W]] {{\[\[}}0], [1, 2, 3]] : tensor<8x4x1x1xf32> into tensor<8x4xf32>
// CHECK-DAG: %[[C:.*]] = tensor.collapse_shape %[[INIT]] {{\[\[}}0], [1], [2, 3]] : tensor<2x8x6x6xf32> into tensor<2x8x36xf32>
// CHECK: %[[Y:.*]] = linalg.generic {indexing_maps = [#[[KERNEL]], #[[IMAGES]], #[[SUMS]]], {{.*}} ins(%[[B]], %[[A]] : {{.*}}) outs(%[[C]] : tensor<2x8x36xf32>)
// CHECK: tensor.expand_shape %[[Y]] {{\[\[}}0], [1], [2, 3]] output_shape [2, 8, 6, 6]
func.func @product(%x: tensor<2x4x6x6xf32>, %w: tensor<8x4x1x1xf32>, %init: tensor<2x8x6x6xf32>) -> tensor<2x8x6x6xf32> {
  %y = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%x, %w : tensor<2x4x6x6xf32>, tensor<8x4x1x1xf32>) outs(%init : tensor<2x8x6x6xf32>) -> tensor<2x8x6x6xf32>
  return %y : tensor<2x8x6x6xf32>
}

// Every second row and every third column: those of rows 0, 2, 4 and of columns 0, 3. How many images is not known.
// CHECK-LABEL: func.func @strided
// CHECK: tensor.extract_slice %{{.*}}[0, 0, 0, 0] [%{{.*}}, 4, 5, 4] [1, 1, 1, 1] : tensor<?x4x6x6xf32> to tensor<?x4x5x4xf32>
// CHECK: linalg.generic {indexing_maps = [#[[EVERY]], {{.*}} ins(%{{.*}} : tensor<?x4x5x4xf32>) outs(%{{.*}} : tensor<?x4x1x1x3x2xf32>)
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<8x4xf32>, tensor<?x4x6xf32>)
func.func @strided(%x: tensor<?x4x6x6xf32>, %w: tensor<8x4x1x1xf32>, %init: tensor<?x8x3x2xf32>) -> tensor<?x8x3x2xf32> {
  %y = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<[2, 3]> : vector<2xi64>} ins(%x, %w : tensor<?x4x6x6xf32>, tensor<8x4x1x1xf32>) outs(%init : tensor<?x8x3x2xf32>) -> tensor<?x8x3x2xf32>
  return %y : tensor<?x8x3x2xf32>
}

// In one dimension, and in 16 bits, which are widened where they are read.
// CHECK-LABEL: func.func @sequence
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<8x4xf16>, tensor<1x4x6xf32>)
// CHECK: arith.extf
func.func @sequence(%x: tensor<1x4x6xf16>, %w: tensor<8x4x1xf16>, %init: tensor<1x8x6xf32>) -> tensor<1x8x6xf32> {
  %y = linalg.conv_1d_ncw_fcw {dilations = dense<1> : vector<1xi64>, strides = dense<1> : vector<1xi64>} ins(%x, %w : tensor<1x4x6xf16>, tensor<8x4x1xf16>) outs(%init : tensor<1x8x6xf32>) -> tensor<1x8x6xf32>
  return %y : tensor<1x8x6xf32>
}

// A kernel of more than one element, and rows whose number is not known.
// CHECK-LABEL: func.func @left_alone
// CHECK-COUNT-2: linalg.conv_2d_nchw_fchw
func.func @left_alone(%one: tensor<1x4x6x6xf32>, %n: tensor<1x4x?x6xf32>, %w: tensor<8x4x1x1xf32>, %large: tensor<8x4x3x1xf32>, %a: tensor<1x8x4x6xf32>, %b: tensor<1x8x?x6xf32>) -> (tensor<1x8x4x6xf32>, tensor<1x8x?x6xf32>) {
  %0 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%one, %large : tensor<1x4x6x6xf32>, tensor<8x4x3x1xf32>) outs(%a : tensor<1x8x4x6xf32>) -> tensor<1x8x4x6xf32>
  %1 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%n, %w : tensor<1x4x?x6xf32>, tensor<8x4x1x1xf32>) outs(%b : tensor<1x8x?x6xf32>) -> tensor<1x8x?x6xf32>
  return %0, %1 : tensor<1x8x4x6xf32>, tensor<1x8x?x6xf32>
}
