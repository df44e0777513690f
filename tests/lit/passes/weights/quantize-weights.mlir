// RUN: infc-opt --pass-pipeline='builtin.module(infer-quantize-weights)' %s | filecheck %s
// RUN: infc-opt --pass-pipeline='builtin.module(infer-quantize-weights{bits=4 group=16 scheme=asym})' %s | filecheck --check-prefix FOUR %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-quantize-weights{bits=3})' %s 2>&1 | filecheck --check-prefix BITS %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-quantize-weights{group=7})' %s 2>&1 | filecheck --check-prefix GROUP %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-quantize-weights{scheme=none})' %s 2>&1 | filecheck --check-prefix SCHEME %s

// BITS: error: pass infer-quantize-weights: bits is 3, expected 4 or 8
// GROUP: error: pass infer-quantize-weights: group is 7, expected 8 or more, or 0 for the whole row
// SCHEME: error: pass infer-quantize-weights: scheme is 'none', expected sym or asym

// A product in tiles multiplies the integers as they lie. Whole rows: one scale for each output.
// CHECK-LABEL: func.func @product
// FOUR-LABEL: func.func @product
func.func @product(%x: tensor<2x64x8x1xf32>) -> tensor<2x4x8x16xf32> {
  // CHECK: %[[Q:.*]] = "infer.weight"() {{.*}}key = "w|quantize[q,8,64,sym]", layout = "mmt4d[16,1]", logical = tensor<64x64xi8>{{.*}} -> tensor<4x64x16x1xi8>
  // CHECK: key = "w|quantize[scale,8,64,sym]", layout = "mmt4d[16,1]", logical = tensor<64x1xf32>{{.*}} -> tensor<4x1x16x1xf32>
  // FOUR: %[[Q:.*]] = "infer.weight"() {{.*}}key = "w|quantize[q,4,16,asym]"{{.*}} -> tensor<4x64x16x1xi4>
  // FOUR: key = "w|quantize[scale,4,16,asym]"{{.*}} -> tensor<4x4x16x1xf32>
  // FOUR: key = "w|quantize[zero,4,16,asym]"{{.*}} -> tensor<4x4x16x1xi8>
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "mmt4d[16,1]", logical = tensor<64x64xf32>} : () -> tensor<4x64x16x1xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x4x8x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4x8x16xf32>) -> tensor<2x4x8x16xf32>
  // CHECK: %[[T:.*]] = linalg.mmt4d ins(%arg0, %[[Q]] : tensor<2x64x8x1xf32>, tensor<4x64x16x1xi8>)
  // CHECK: linalg.generic {{.*}} ins(%[[T]], %{{.*}} : tensor<2x4x8x16xf32>, tensor<4x16xf32>)
  // CHECK: arith.mulf
  // Groups: a sum for each of the four, without a matrix of f32.
  // FOUR: %[[G:.*]] = tensor.expand_shape {{.*}} into tensor<4x4x16x16xi4>
  // FOUR: linalg.generic {{.*}}"reduction"]} ins(%{{.*}}, %[[G]] : tensor<2x4x16x8xf32>, tensor<4x4x16x16xi4>) {{.*}}tensor<4x2x4x8x16xf32>
  // FOUR: arith.sitofp
  // FOUR-NOT: tensor<4x64x16x1xf32>
  %y = linalg.mmt4d ins(%x, %w : tensor<2x64x8x1xf32>, tensor<4x64x16x1xf32>) outs(%f : tensor<2x4x8x16xf32>) -> tensor<2x4x8x16xf32>
  return %y : tensor<2x4x8x16xf32>
}

// The kernel of a convolution stands on the left: its rows are the sums' first and third dimension.
// CHECK-LABEL: func.func @kernel
// FOUR-LABEL: func.func @kernel
func.func @kernel(%x: tensor<2x64x8x1xf32>) -> tensor<4x2x16x8xf32> {
  // CHECK: %[[Q:.*]] = "infer.weight"() {{.*}}-> tensor<4x64x16x1xi8>
  // CHECK: %[[T:.*]] = linalg.mmt4d ins(%[[Q]], %arg0 : tensor<4x64x16x1xi8>, tensor<2x64x8x1xf32>)
  // CHECK: linalg.generic {indexing_maps = {{.*}} ins(%[[T]], %{{.*}} : tensor<4x2x16x8xf32>, tensor<4x16xf32>)
  // FOUR: %[[W:.*]] = tensor.collapse_shape {{.*}} into tensor<4x64x16x1xf32>
  // FOUR: linalg.mmt4d ins(%[[W]], %arg0
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "mmt4d[16,1]", logical = tensor<64x64xf32>} : () -> tensor<4x64x16x1xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x2x16x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x2x16x8xf32>) -> tensor<4x2x16x8xf32>
  %y = linalg.mmt4d ins(%w, %x : tensor<4x64x16x1xf32>, tensor<2x64x8x1xf32>) outs(%f : tensor<4x2x16x8xf32>) -> tensor<4x2x16x8xf32>
  return %y : tensor<4x2x16x8xf32>
}

// Many more rows than a group has elements: the sums of the groups would take more than the matrix does.
// FOUR-LABEL: func.func @many_rows
func.func @many_rows(%x: tensor<8x64x16x1xf32>) -> tensor<8x4x16x16xf32> {
  // FOUR: %[[W:.*]] = tensor.collapse_shape {{.*}} into tensor<4x64x16x1xf32>
  // FOUR: linalg.mmt4d ins(%{{.*}}, %[[W]]
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "mmt4d[16,1]", logical = tensor<64x64xf32>} : () -> tensor<4x64x16x1xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x4x16x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x4x16x16xf32>) -> tensor<8x4x16x16xf32>
  %y = linalg.mmt4d ins(%x, %w : tensor<8x64x16x1xf32>, tensor<4x64x16x1xf32>) outs(%f : tensor<8x4x16x16xf32>) -> tensor<8x4x16x16xf32>
  return %y : tensor<8x4x16x16xf32>
}

// What else reads the matrix gets one of f32.
// CHECK-LABEL: func.func @packed
// FOUR-LABEL: func.func @packed
func.func @packed() -> tensor<4x64x16x1xf32> {
  // CHECK: arith.sitofp
  // CHECK-NEXT: arith.mulf
  // CHECK: tensor.collapse_shape {{.*}} into tensor<4x64x16x1xf32>
  // FOUR: arith.subf
  // FOUR-NEXT: arith.mulf
  // FOUR: tensor.collapse_shape {{.*}} into tensor<4x64x16x1xf32>
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "mmt4d[16,1]", logical = tensor<64x64xf32>} : () -> tensor<4x64x16x1xf32>
  return %w : tensor<4x64x16x1xf32>
}

// Rows that fall into no groups, and a table that is gathered from, stay as they are.
// FOUR-LABEL: func.func @left_alone
func.func @left_alone(%i: index) -> (tensor<4x60x16x1xf32>, f32) {
  // FOUR: key = "a"
  // FOUR: key = "t"
  // FOUR-NOT: quantize
  // FOUR: return
  %a = "infer.weight"() {key = "a", digest = "sha256:1", layout = "mmt4d[16,1]", logical = tensor<64x60xf32>} : () -> tensor<4x60x16x1xf32>
  %t = "infer.weight"() {key = "t", digest = "sha256:2", layout = "row_major", logical = tensor<100x64xf32>} : () -> tensor<100x64xf32>
  %e = tensor.extract %t[%i, %i] : tensor<100x64xf32>
  return %a, %e : tensor<4x60x16x1xf32>, f32
}
