// RUN: infc-opt --pass-pipeline='builtin.module(infer-pack-weights)' %s | filecheck %s

// Several matrices: each is packed by itself.
// CHECK-LABEL: func.func @batched
func.func @batched(%x: tensor<2x4x6xf32>) -> tensor<2x4x20xf32> {
  // CHECK: %[[W:.*]] = "infer.weight"() {{.*}}layout = "mmt4d[16,1]", logical = tensor<2x20x6xf32>} : () -> tensor<2x2x6x16x1xf32>
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<2x20x6xf32>} : () -> tensor<2x20x6xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x6x20xf32>
  %t = linalg.transpose ins(%w : tensor<2x20x6xf32>) outs(%e : tensor<2x6x20xf32>) permutation = [0, 2, 1]
  %o = tensor.empty() : tensor<2x4x20xf32>
  %f = linalg.fill ins(%zero : f32) outs(%o : tensor<2x4x20xf32>) -> tensor<2x4x20xf32>
  // CHECK: linalg.pack %arg0 inner_dims_pos = [1, 2] inner_tiles = [4, 1] into {{.*}} -> tensor<2x1x6x4x1xf32>
  // CHECK: linalg.batch_mmt4d ins(%{{.*}}, %[[W]] : tensor<2x1x6x4x1xf32>, tensor<2x2x6x16x1xf32>)
  // CHECK: linalg.unpack {{.*}} -> tensor<2x4x20xf32>
  %y = linalg.batch_matmul ins(%x, %t : tensor<2x4x6xf32>, tensor<2x6x20xf32>) outs(%f : tensor<2x4x20xf32>) -> tensor<2x4x20xf32>
  return %y : tensor<2x4x20xf32>
}

// Half as many bytes: what is not the weight is widened, and the sums are f32.
// CHECK-LABEL: func.func @bf16
func.func @bf16(%x: tensor<4x6xbf16>) -> tensor<4x16xf32> {
  // CHECK: %[[W:.*]] = "infer.weight"() {{.*}} -> tensor<1x6x16x1xbf16>
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<6x16xbf16>} : () -> tensor<6x16xbf16>
  %zero = arith.constant 0.0 : f32
  %o = tensor.empty() : tensor<4x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%o : tensor<4x16xf32>) -> tensor<4x16xf32>
  // CHECK: arith.extf %arg0 : tensor<4x6xbf16> to tensor<4x6xf32>
  // CHECK: linalg.mmt4d ins(%{{.*}}, %[[W]] : tensor<1x6x4x1xf32>, tensor<1x6x16x1xbf16>)
  %y = linalg.matmul ins(%x, %w : tensor<4x6xbf16>, tensor<6x16xbf16>) outs(%f : tensor<4x16xf32>) -> tensor<4x16xf32>
  return %y : tensor<4x16xf32>
}

// The program widens the weight itself: the tiles are widened where they are read.
// CHECK-LABEL: func.func @widened
func.func @widened(%x: tensor<4x6xf32>) -> tensor<4x16xf32> {
  // CHECK: %[[W:.*]] = "infer.weight"() {{.*}} -> tensor<1x6x16x1xf16>
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<16x6xf16>} : () -> tensor<16x6xf16>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<6x16xf16>
  %t = linalg.transpose ins(%w : tensor<16x6xf16>) outs(%e : tensor<6x16xf16>) permutation = [1, 0]
  %g = tensor.empty() : tensor<6x16xf32>
  // CHECK-NOT: arith.extf
  %wide = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%t : tensor<6x16xf16>) outs(%g : tensor<6x16xf32>) {
  ^bb0(%in: f16, %out: f32):
    %0 = arith.extf %in : f16 to f32
    linalg.yield %0 : f32
  } -> tensor<6x16xf32>
  %o = tensor.empty() : tensor<4x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%o : tensor<4x16xf32>) -> tensor<4x16xf32>
  // CHECK: linalg.mmt4d ins(%{{.*}}, %[[W]] : tensor<1x6x4x1xf32>, tensor<1x6x16x1xf16>)
  %y = linalg.matmul ins(%x, %wide : tensor<4x6xf32>, tensor<6x16xf32>) outs(%f : tensor<4x16xf32>) -> tensor<4x16xf32>
  return %y : tensor<4x16xf32>
}
