// RUN: infc-opt --pass-pipeline='builtin.module(infer-fold-weight-transforms,canonicalize)' %s | filecheck %s
// RUN: infc-opt --pass-pipeline='builtin.module(infer-fold-weight-transforms{only=batch-norms},canonicalize)' %s | filecheck --check-prefix AHEAD %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-fold-weight-transforms{only=norms})' %s 2>&1 | filecheck --check-prefix ONLY %s

// ONLY: error: pass infer-fold-weight-transforms: option only is 'norms', expected batch-norms

#row = affine_map<(d0) -> (d0)>
#all = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#channel = affine_map<(d0, d1, d2) -> (d1, 0)>

// The number of images varies.
// CHECK-LABEL: func.func @norm
// AHEAD-LABEL: func.func @norm
// AHEAD: key = "w|bn_scale[0,0.5,gamma,var]"
func.func @norm(%x: tensor<?x4x10xf32>, %images: index) -> tensor<?x8x8xf32> {
  // CHECK-DAG: %[[W:.*]] = "infer.weight"() {{.*}}key = "w|bn_scale[0,0.5,gamma,var]"{{.*}} -> tensor<8x4x3xf32>
  // CHECK-DAG: %[[B:.*]] = "infer.weight"() {{.*}}key = "beta|bn_shift[0.5,gamma,mean,var,bias]"{{.*}} -> tensor<8xf32>
  // CHECK: %[[I:.*]] = linalg.broadcast ins(%[[B]] : tensor<8xf32>)
  // CHECK-NEXT: %[[Y:.*]] = linalg.conv_1d_ncw_fcw {{.*}} ins(%{{.*}}, %[[W]] : tensor<?x4x10xf32>, tensor<8x4x3xf32>) outs(%[[I]] : tensor<?x8x8xf32>)
  // CHECK-NEXT: return %[[Y]]
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<8x4x3xf32>} : () -> tensor<8x4x3xf32>
  %bias = "infer.weight"() {key = "bias", digest = "sha256:2", layout = "row_major", logical = tensor<8xf32>} : () -> tensor<8xf32>
  %mean = "infer.weight"() {key = "mean", digest = "sha256:3", layout = "row_major", logical = tensor<8xf32>} : () -> tensor<8xf32>
  %var = "infer.weight"() {key = "var", digest = "sha256:4", layout = "row_major", logical = tensor<8xf32>} : () -> tensor<8xf32>
  %gamma = "infer.weight"() {key = "gamma", digest = "sha256:5", layout = "row_major", logical = tensor<8xf32>} : () -> tensor<8xf32>
  %beta = "infer.weight"() {key = "beta", digest = "sha256:6", layout = "row_major", logical = tensor<8xf32>} : () -> tensor<8xf32>
  %eps = arith.constant 0.5 : f32
  %one = arith.constant 1.0 : f32
  %v = tensor.empty() : tensor<8xf32>
  %e = tensor.empty(%images) : tensor<?x8x8xf32>
  %init = linalg.broadcast ins(%bias : tensor<8xf32>) outs(%e : tensor<?x8x8xf32>) dimensions = [0, 2]
  %conv = linalg.conv_1d_ncw_fcw {dilations = dense<1> : vector<1xi64>, strides = dense<1> : vector<1xi64>} ins(%x, %w : tensor<?x4x10xf32>, tensor<8x4x3xf32>) outs(%init : tensor<?x8x8xf32>) -> tensor<?x8x8xf32>
  %v0 = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel"]} ins(%var : tensor<8xf32>) outs(%v : tensor<8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.addf %in, %eps : f32
    linalg.yield %0 : f32
  } -> tensor<8xf32>
  %v1 = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel"]} ins(%v0 : tensor<8xf32>) outs(%v : tensor<8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.sqrt %in : f32
    linalg.yield %0 : f32
  } -> tensor<8xf32>
  %v2 = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel"]} ins(%v1 : tensor<8xf32>) outs(%v : tensor<8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.divf %one, %in : f32
    linalg.yield %0 : f32
  } -> tensor<8xf32>
  %m2 = tensor.expand_shape %mean [[0, 1]] output_shape [8, 1] : tensor<8xf32> into tensor<8x1xf32>
  %f2 = tensor.expand_shape %v2 [[0, 1]] output_shape [8, 1] : tensor<8xf32> into tensor<8x1xf32>
  %g2 = tensor.expand_shape %gamma [[0, 1]] output_shape [8, 1] : tensor<8xf32> into tensor<8x1xf32>
  %b2 = tensor.expand_shape %beta [[0, 1]] output_shape [8, 1] : tensor<8xf32> into tensor<8x1xf32>
  %y0 = linalg.generic {indexing_maps = [#all, #channel, #all], iterator_types = ["parallel", "parallel", "parallel"]} ins(%conv, %m2 : tensor<?x8x8xf32>, tensor<8x1xf32>) outs(%e : tensor<?x8x8xf32>) {
  ^bb0(%in: f32, %c: f32, %out: f32):
    %0 = arith.subf %in, %c : f32
    linalg.yield %0 : f32
  } -> tensor<?x8x8xf32>
  %y1 = linalg.generic {indexing_maps = [#all, #channel, #all], iterator_types = ["parallel", "parallel", "parallel"]} ins(%y0, %f2 : tensor<?x8x8xf32>, tensor<8x1xf32>) outs(%e : tensor<?x8x8xf32>) {
  ^bb0(%in: f32, %c: f32, %out: f32):
    %0 = arith.mulf %in, %c : f32
    linalg.yield %0 : f32
  } -> tensor<?x8x8xf32>
  %y2 = linalg.generic {indexing_maps = [#all, #channel, #all], iterator_types = ["parallel", "parallel", "parallel"]} ins(%y1, %g2 : tensor<?x8x8xf32>, tensor<8x1xf32>) outs(%e : tensor<?x8x8xf32>) {
  ^bb0(%in: f32, %c: f32, %out: f32):
    %0 = arith.mulf %in, %c : f32
    linalg.yield %0 : f32
  } -> tensor<?x8x8xf32>
  %y3 = linalg.generic {indexing_maps = [#all, #channel, #all], iterator_types = ["parallel", "parallel", "parallel"]} ins(%y2, %b2 : tensor<?x8x8xf32>, tensor<8x1xf32>) outs(%e : tensor<?x8x8xf32>) {
  ^bb0(%in: f32, %c: f32, %out: f32):
    %0 = arith.addf %in, %c : f32
    linalg.yield %0 : f32
  } -> tensor<?x8x8xf32>
  return %y3 : tensor<?x8x8xf32>
}

// All who read it want it transposed; then one of two.
// CHECK-LABEL: func.func @moves
// AHEAD-LABEL: func.func @moves
// AHEAD-COUNT-2: linalg.transpose
func.func @moves() -> (tensor<6x4xf32>, tensor<4x3xf32>, tensor<3x4xf32>) {
  // CHECK-DAG: %[[A:.*]] = "infer.weight"() {{.*}}key = "a|permute[1,0]|reshape[3,2,4]|reshape[6,4]"
  // CHECK-DAG: %[[B:.*]] = "infer.weight"() {{.*}}key = "b",
  // CHECK: %[[T:.*]] = linalg.transpose ins(%[[B]]
  // CHECK: return %[[A]], %[[T]], %[[B]]
  %a = "infer.weight"() {key = "a", digest = "sha256:1", layout = "row_major", logical = tensor<8x3xf32>} : () -> tensor<8x3xf32>
  %b = "infer.weight"() {key = "b", digest = "sha256:2", layout = "row_major", logical = tensor<3x4xf32>} : () -> tensor<3x4xf32>
  %e = tensor.empty() : tensor<3x8xf32>
  %t = linalg.transpose ins(%a : tensor<8x3xf32>) outs(%e : tensor<3x8xf32>) permutation = [1, 0]
  %c = tensor.expand_shape %t [[0], [1, 2]] output_shape [3, 2, 4] : tensor<3x8xf32> into tensor<3x2x4xf32>
  %d = tensor.collapse_shape %c [[0, 1], [2]] : tensor<3x2x4xf32> into tensor<6x4xf32>
  %f = tensor.empty() : tensor<4x3xf32>
  %u = linalg.transpose ins(%b : tensor<3x4xf32>) outs(%f : tensor<4x3xf32>) permutation = [1, 0]
  return %d, %u, %b : tensor<6x4xf32>, tensor<4x3xf32>, tensor<3x4xf32>
}
