// RUN: infc-opt --pass-pipeline='builtin.module(infer-pointwise-products,canonicalize)' %s | filecheck %s

// CHECK-LABEL: func.func @product
// CHECK-SAME: (%[[X:.*]]: tensor<1x4x6x6xf32>, %[[W:.*]]: tensor<8x4x1x1xf32>, %[[INIT:.*]]: tensor<1x8x6x6xf32>)
// CHECK-DAG: %[[A:.*]] = tensor.collapse_shape %[[X]] {{\[\[}}0, 1], [2, 3]] : tensor<1x4x6x6xf32> into tensor<4x36xf32>
// CHECK-DAG: %[[B:.*]] = tensor.collapse_shape %[[W]] {{\[\[}}0], [1, 2, 3]] : tensor<8x4x1x1xf32> into tensor<8x4xf32>
// CHECK-DAG: %[[C:.*]] = tensor.collapse_shape %[[INIT]] {{\[\[}}0, 1], [2, 3]] : tensor<1x8x6x6xf32> into tensor<8x36xf32>
// CHECK: %[[Y:.*]] = linalg.matmul ins(%[[B]], %[[A]] : {{.*}}) outs(%[[C]] : tensor<8x36xf32>)
// CHECK: tensor.expand_shape %[[Y]] {{\[\[}}0, 1], [2, 3]] output_shape [1, 8, 6, 6]
func.func @product(%x: tensor<1x4x6x6xf32>, %w: tensor<8x4x1x1xf32>, %init: tensor<1x8x6x6xf32>) -> tensor<1x8x6x6xf32> {
  %y = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%x, %w : tensor<1x4x6x6xf32>, tensor<8x4x1x1xf32>) outs(%init : tensor<1x8x6x6xf32>) -> tensor<1x8x6x6xf32>
  return %y : tensor<1x8x6x6xf32>
}

// Every second row and every third column: those of rows 0, 2, 4 and of columns 0, 3.
// CHECK-LABEL: func.func @strided
// CHECK: tensor.extract_slice %{{.*}}[0, 0, 0, 0] [1, 4, 3, 2] [1, 1, 2, 3] : tensor<1x4x6x6xf32> to tensor<1x4x3x2xf32>
// CHECK: linalg.matmul ins(%{{.*}}, %{{.*}} : tensor<8x4xf32>, tensor<4x6xf32>)
func.func @strided(%x: tensor<1x4x6x6xf32>, %w: tensor<8x4x1x1xf32>, %init: tensor<1x8x3x2xf32>) -> tensor<1x8x3x2xf32> {
  %y = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<[2, 3]> : vector<2xi64>} ins(%x, %w : tensor<1x4x6x6xf32>, tensor<8x4x1x1xf32>) outs(%init : tensor<1x8x3x2xf32>) -> tensor<1x8x3x2xf32>
  return %y : tensor<1x8x3x2xf32>
}

// Two images, a number of them that is not known, and a kernel of more than one element.
// CHECK-LABEL: func.func @left_alone
// CHECK-COUNT-3: linalg.conv_2d_nchw_fchw
// CHECK-NOT: linalg.matmul
func.func @left_alone(%x: tensor<2x4x6x6xf32>, %n: tensor<?x4x6x6xf32>, %one: tensor<1x4x6x6xf32>, %w: tensor<8x4x1x1xf32>, %large: tensor<8x4x3x1xf32>, %a: tensor<2x8x6x6xf32>, %b: tensor<?x8x6x6xf32>, %c: tensor<1x8x4x6xf32>) -> (tensor<2x8x6x6xf32>, tensor<?x8x6x6xf32>, tensor<1x8x4x6xf32>) {
  %0 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%x, %w : tensor<2x4x6x6xf32>, tensor<8x4x1x1xf32>) outs(%a : tensor<2x8x6x6xf32>) -> tensor<2x8x6x6xf32>
  %1 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%n, %w : tensor<?x4x6x6xf32>, tensor<8x4x1x1xf32>) outs(%b : tensor<?x8x6x6xf32>) -> tensor<?x8x6x6xf32>
  %2 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%one, %large : tensor<1x4x6x6xf32>, tensor<8x4x3x1xf32>) outs(%c : tensor<1x8x4x6xf32>) -> tensor<1x8x4x6xf32>
  return %0, %1, %2 : tensor<2x8x6x6xf32>, tensor<?x8x6x6xf32>, tensor<1x8x4x6xf32>
}
