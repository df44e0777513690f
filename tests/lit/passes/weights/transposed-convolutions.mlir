// RUN: infc-opt --pass-pipeline='builtin.module(infer-transposed-convolutions,canonicalize,cse)' --split-input-file %s | filecheck %s

// A stride of 2: a kernel for each of four phases, and no zeros between the image's elements.
// CHECK-LABEL: func.func @strided
// CHECK-SAME: (%[[X:.*]]: tensor<1x16x7x7xf32>, %[[INIT:.*]]: tensor<1x8x14x14xf32>)
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.0
// CHECK-DAG: %[[K:.*]] = "infer.weight"() {{.*}}key = "w|permute[1,0,2,3]|flip[2,3]|phases[2,2]", layout = "row_major", logical = tensor<32x16x2x2xf32>, source = "w"
// CHECK-NOT: tensor.extract %
// CHECK: %[[P:.*]] = tensor.pad %[[X]] low[0, 0, 1, 1] high[0, 0, 1, 1] {
// CHECK: %[[F:.*]] = linalg.fill {{.*}} -> tensor<1x32x8x8xf32>
// CHECK: %[[C:.*]] = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%[[P]], %[[K]] : tensor<1x16x9x9xf32>, tensor<32x16x2x2xf32>) outs(%[[F]] :
// CHECK: %[[A:.*]] = tensor.expand_shape %[[C]] {{\[\[}}0], [1, 2, 3], [4], [5]] output_shape [1, 8, 2, 2, 8, 8]
// CHECK: %[[T:.*]] = linalg.transpose ins(%[[A]] : {{.*}} outs(%{{.*}} : tensor<1x8x8x2x8x2xf32>) permutation = [0, 1, 4, 2, 5, 3]
// CHECK: %[[S:.*]] = tensor.collapse_shape %[[T]] {{\[\[}}0], [1], [2, 3], [4, 5]]
// CHECK: %[[Y:.*]] = tensor.extract_slice %[[S]][0, 0, 1, 1] [1, 8, 14, 14] [1, 1, 1, 1]
// CHECK: linalg.generic {{.*}} ins(%[[Y]], %[[INIT]]
// CHECK: arith.addf
func.func @strided(%x: tensor<1x16x7x7xf32>, %init: tensor<1x8x14x14xf32>) -> tensor<1x8x14x14xf32> {
  %c3 = arith.constant 3 : index
  %zero = arith.constant 0.0 : f32
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<16x8x4x4xf32>} : () -> tensor<16x8x4x4xf32>
  %e = tensor.empty() : tensor<8x16x4x4xf32>
  %k = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%e : tensor<8x16x4x4xf32>) {
  ^bb0(%out: f32):
    %a = linalg.index 0 : index
    %b = linalg.index 1 : index
    %c = linalg.index 2 : index
    %d = linalg.index 3 : index
    %s = arith.subi %c3, %c : index
    %t = arith.subi %c3, %d : index
    %v = tensor.extract %w[%b, %a, %s, %t] : tensor<16x8x4x4xf32>
    linalg.yield %v : f32
  } -> tensor<8x16x4x4xf32>
  %f = tensor.empty() : tensor<1x16x17x17xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%f : tensor<1x16x17x17xf32>) -> tensor<1x16x17x17xf32>
  %z = tensor.insert_slice %x into %zeros[0, 0, 2, 2] [1, 16, 7, 7] [1, 1, 2, 2] : tensor<1x16x7x7xf32> into tensor<1x16x17x17xf32>
  %y = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%z, %k : tensor<1x16x17x17xf32>, tensor<8x16x4x4xf32>) outs(%init : tensor<1x8x14x14xf32>) -> tensor<1x8x14x14xf32>
  return %y : tensor<1x8x14x14xf32>
}

// -----

// Groups, of several images whose number is not known, and strides in one dimension; the window is as long as the
// stride, so that each phase reads one element. Nothing is added to zeros.
// CHECK-LABEL: func.func @grouped
// CHECK: "infer.weight"() {{.*}}key = "w|reshape[2,3,4,3,1]|permute[0,2,1,3,4]|flip[3]|phases[3,1]", layout = "row_major", logical = tensor<2x12x3x1x1xf32>
// CHECK-NOT: tensor.pad
// CHECK: %[[X:.*]] = tensor.expand_shape %{{.*}} {{\[\[}}0], [1, 2], [3], [4]] output_shape [%{{.*}}, 2, 3, 5, 1] : tensor<?x6x5x1xf32> into tensor<?x2x3x5x1xf32>
// CHECK: linalg.conv_2d_ngchw_gfchw {{.*}} ins(%[[X]], %{{.*}} : {{.*}} outs(%{{.*}} : tensor<?x2x12x5x1xf32>)
// CHECK: linalg.transpose {{.*}} outs(%{{.*}} : tensor<?x2x4x5x3x1x1xf32>) permutation = [0, 1, 2, 5, 3, 6, 4]
// CHECK-NOT: tensor.extract_slice
// CHECK-NOT: arith.addf
func.func @grouped(%x: tensor<?x6x5x1xf32>) -> tensor<?x2x4x15x1xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x6x5x1xf32>
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<6x4x3xf32>} : () -> tensor<6x4x3xf32>
  %g = tensor.expand_shape %w [[0, 1], [2], [3, 4]] output_shape [2, 3, 4, 3, 1] : tensor<6x4x3xf32> into tensor<2x3x4x3x1xf32>
  %e = tensor.empty() : tensor<2x4x3x3x1xf32>
  %k = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} outs(%e : tensor<2x4x3x3x1xf32>) {
  ^bb0(%out: f32):
    %a = linalg.index 0 : index
    %b = linalg.index 1 : index
    %c = linalg.index 2 : index
    %d = linalg.index 3 : index
    %s = arith.subi %c2, %d : index
    %v = tensor.extract %g[%a, %c, %b, %s, %c0] : tensor<2x3x4x3x1xf32>
    linalg.yield %v : f32
  } -> tensor<2x4x3x3x1xf32>
  %f = tensor.empty(%n) : tensor<?x6x17x1xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%f : tensor<?x6x17x1xf32>) -> tensor<?x6x17x1xf32>
  %z = tensor.insert_slice %x into %zeros[0, 0, 2, 0] [%n, 6, 5, 1] [1, 1, 3, 1] : tensor<?x6x5x1xf32> into tensor<?x6x17x1xf32>
  %zg = tensor.expand_shape %z [[0], [1, 2], [3], [4]] output_shape [%n, 2, 3, 17, 1] : tensor<?x6x17x1xf32> into tensor<?x2x3x17x1xf32>
  %r = tensor.empty(%n) : tensor<?x2x4x15x1xf32>
  %init = linalg.fill ins(%zero : f32) outs(%r : tensor<?x2x4x15x1xf32>) -> tensor<?x2x4x15x1xf32>
  %y = linalg.conv_2d_ngchw_gfchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%zg, %k : tensor<?x2x3x17x1xf32>, tensor<2x4x3x3x1xf32>) outs(%init : tensor<?x2x4x15x1xf32>) -> tensor<?x2x4x15x1xf32>
  return %y : tensor<?x2x4x15x1xf32>
}

// -----

// A length that is not known.
// CHECK-LABEL: func.func @long
// CHECK: "infer.weight"() {{.*}}key = "w|phases[2]", layout = "row_major", logical = tensor<8x4x2xf32>
// CHECK: tensor.pad %{{.*}} low[0, 0, 1] high[0, 0, %{{.*}}] {
// CHECK: linalg.conv_1d_ncw_fcw {{.*}} : tensor<1x4x?xf32>, tensor<8x4x2xf32>) outs(%{{.*}} : tensor<1x8x?xf32>)
// CHECK: tensor.extract_slice %{{.*}}[0, 0, 1] [1, 4, %{{.*}}] [1, 1, 1]
func.func @long(%x: tensor<1x4x?xf32>, %init: tensor<1x4x?xf32>, %size: index, %spread: index) -> tensor<1x4x?xf32> {
  %zero = arith.constant 0.0 : f32
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<4x4x4xf32>} : () -> tensor<4x4x4xf32>
  %f = tensor.empty(%spread) : tensor<1x4x?xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%f : tensor<1x4x?xf32>) -> tensor<1x4x?xf32>
  %z = tensor.insert_slice %x into %zeros[0, 0, 2] [1, 4, %size] [1, 1, 2] : tensor<1x4x?xf32> into tensor<1x4x?xf32>
  %y = linalg.conv_1d_ncw_fcw {dilations = dense<1> : vector<1xi64>, strides = dense<1> : vector<1xi64>} ins(%z, %w : tensor<1x4x?xf32>, tensor<4x4x4xf32>) outs(%init : tensor<1x4x?xf32>) -> tensor<1x4x?xf32>
  return %y : tensor<1x4x?xf32>
}

// -----

// `flip`, which has the weight as an operand beside; and an operand that is used.
// CHECK-LABEL: func.func @flipped
// CHECK: %[[W:.*]] = "infer.weight"() {{.*}}key = "w|flip[1]"
// CHECK: %[[Y:.*]] = linalg.generic
// CHECK: return %[[W]], %[[Y]]
func.func @flipped() -> (tensor<3x4xf32>, tensor<3x4xf32>) {
  %c3 = arith.constant 3 : index
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<3x4xf32>} : () -> tensor<3x4xf32>
  %e = tensor.empty() : tensor<3x4xf32>
  %k = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<3x4xf32>) outs(%e : tensor<3x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %a = linalg.index 0 : index
    %b = linalg.index 1 : index
    %s = arith.subi %c3, %b : index
    %v = tensor.extract %w[%a, %s] : tensor<3x4xf32>
    linalg.yield %v : f32
  } -> tensor<3x4xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<3x4xf32>) outs(%e : tensor<3x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %a = linalg.index 0 : index
    %b = linalg.index 1 : index
    %s = arith.subi %c3, %b : index
    %v = tensor.extract %w[%a, %s] : tensor<3x4xf32>
    %t = arith.addf %v, %in : f32
    linalg.yield %t : f32
  } -> tensor<3x4xf32>
  return %k, %y : tensor<3x4xf32>, tensor<3x4xf32>
}

// -----

// A dilated kernel, of which each output reads some elements only: turned around, and the zeros stay.
// CHECK-LABEL: func.func @dilated
// CHECK: "infer.weight"() {{.*}}key = "w|permute[1,0,2]|flip[2]", layout
// CHECK: tensor.insert_slice
// CHECK: linalg.conv_1d_ncw_fcw {dilations = dense<3>
func.func @dilated(%x: tensor<1x4x5xf32>, %init: tensor<1x4x12xf32>) -> tensor<1x4x12xf32> {
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<4x4x2xf32>} : () -> tensor<4x4x2xf32>
  %e = tensor.empty() : tensor<4x4x2xf32>
  %k = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} outs(%e : tensor<4x4x2xf32>) {
  ^bb0(%out: f32):
    %a = linalg.index 0 : index
    %b = linalg.index 1 : index
    %c = linalg.index 2 : index
    %s = arith.subi %c1, %c : index
    %v = tensor.extract %w[%b, %a, %s] : tensor<4x4x2xf32>
    linalg.yield %v : f32
  } -> tensor<4x4x2xf32>
  %f = tensor.empty() : tensor<1x4x15xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%f : tensor<1x4x15xf32>) -> tensor<1x4x15xf32>
  %z = tensor.insert_slice %x into %zeros[0, 0, 3] [1, 4, 5] [1, 1, 2] : tensor<1x4x5xf32> into tensor<1x4x15xf32>
  %y = linalg.conv_1d_ncw_fcw {dilations = dense<3> : vector<1xi64>, strides = dense<1> : vector<1xi64>} ins(%z, %k : tensor<1x4x15xf32>, tensor<4x4x2xf32>) outs(%init : tensor<1x4x12xf32>) -> tensor<1x4x12xf32>
  return %y : tensor<1x4x12xf32>
}

// -----

// Some of the images only, of a number that is not known, and zeros that are ones.
// CHECK-LABEL: func.func @others
// CHECK-NOT: phases
// CHECK-COUNT-2: linalg.conv_1d_ncw_fcw
func.func @others(%x: tensor<?x4x5xf32>, %n: index, %m: index, %init: tensor<?x4x10xf32>) -> (tensor<?x4x10xf32>, tensor<?x4x10xf32>) {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<4x4x2xf32>} : () -> tensor<4x4x2xf32>
  %f = tensor.empty(%m) : tensor<?x4x11xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%f : tensor<?x4x11xf32>) -> tensor<?x4x11xf32>
  %z = tensor.insert_slice %x into %zeros[0, 0, 1] [%n, 4, 5] [1, 1, 2] : tensor<?x4x5xf32> into tensor<?x4x11xf32>
  %y = linalg.conv_1d_ncw_fcw {dilations = dense<1> : vector<1xi64>, strides = dense<1> : vector<1xi64>} ins(%z, %w : tensor<?x4x11xf32>, tensor<4x4x2xf32>) outs(%init : tensor<?x4x10xf32>) -> tensor<?x4x10xf32>
  %g = tensor.empty(%n) : tensor<?x4x11xf32>
  %ones = linalg.fill ins(%one : f32) outs(%g : tensor<?x4x11xf32>) -> tensor<?x4x11xf32>
  %o = tensor.insert_slice %x into %ones[0, 0, 1] [%n, 4, 5] [1, 1, 2] : tensor<?x4x5xf32> into tensor<?x4x11xf32>
  %v = linalg.conv_1d_ncw_fcw {dilations = dense<1> : vector<1xi64>, strides = dense<1> : vector<1xi64>} ins(%o, %w : tensor<?x4x11xf32>, tensor<4x4x2xf32>) outs(%init : tensor<?x4x10xf32>) -> tensor<?x4x10xf32>
  return %y, %v : tensor<?x4x10xf32>, tensor<?x4x10xf32>
}

// -----

// Without strides, whatever the kernel is: an image that was put among zeros is padded.
// CHECK-LABEL: func.func @beside
// CHECK-SAME: (%[[X:.*]]: tensor<?x2x5x6xf32>, %[[K:.*]]: tensor<4x2x3x1xf32>
// CHECK: %[[P:.*]] = tensor.pad %[[X]] low[0, 0, 2, 0] high[0, 0, 1, 0] {
// CHECK: linalg.conv_2d_nchw_fchw {{.*}} ins(%[[P]], %[[K]] : tensor<?x2x8x6xf32>, tensor<4x2x3x1xf32>) outs(%arg2 : tensor<?x4x6x6xf32>)
func.func @beside(%x: tensor<?x2x5x6xf32>, %k: tensor<4x2x3x1xf32>, %init: tensor<?x4x6x6xf32>) -> tensor<?x4x6x6xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x2x5x6xf32>
  %e = tensor.empty(%n) : tensor<?x2x8x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%e : tensor<?x2x8x6xf32>) -> tensor<?x2x8x6xf32>
  %z = tensor.insert_slice %x into %zeros[0, 0, 2, 0] [%n, 2, 5, 6] [1, 1, 1, 1] : tensor<?x2x5x6xf32> into tensor<?x2x8x6xf32>
  %y = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%z, %k : tensor<?x2x8x6xf32>, tensor<4x2x3x1xf32>) outs(%init : tensor<?x4x6x6xf32>) -> tensor<?x4x6x6xf32>
  return %y : tensor<?x4x6x6xf32>
}
