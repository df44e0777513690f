// RUN: infc-opt --pass-pipeline='builtin.module(infer-quantize-weights)' %s | filecheck %s
// RUN: infc-opt --pass-pipeline='builtin.module(infer-quantize-weights{bits=4 group=16 scheme=asym})' %s | filecheck --check-prefix FOUR %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-quantize-weights{bits=3})' %s 2>&1 | filecheck --check-prefix BITS %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-quantize-weights{group=7})' %s 2>&1 | filecheck --check-prefix GROUP %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-quantize-weights{scheme=none})' %s 2>&1 | filecheck --check-prefix SCHEME %s

// BITS: error: pass infer-quantize-weights: bits is 3, expected 4 or 8
// GROUP: error: pass infer-quantize-weights: group is 7, expected an even number, or 0 for the whole row
// SCHEME: error: pass infer-quantize-weights: scheme is 'none', expected sym or asym

// CHECK-LABEL: func.func @packed
// FOUR-LABEL: func.func @packed
func.func @packed() -> tensor<4x64x16x1xf32> {
  // CHECK: key = "w|quantize[q,8,32,sym]", layout = "mmt4d[16,1]", logical = tensor<64x64xi8>{{.*}} -> tensor<4x64x16x1xi8>
  // CHECK: key = "w|quantize[scale,8,32,sym]", layout = "mmt4d[16,1]", logical = tensor<64x2xf32>{{.*}} -> tensor<4x2x16x1xf32>
  // CHECK: arith.sitofp
  // CHECK-NEXT: arith.mulf
  // CHECK: tensor.collapse_shape {{.*}} into tensor<4x64x16x1xf32>
  // FOUR: key = "w|quantize[q,4,16,asym]"{{.*}} -> tensor<4x32x16x1xi8>
  // FOUR: key = "w|quantize[scale,4,16,asym]"{{.*}} -> tensor<4x4x16x1xf32>
  // FOUR: key = "w|quantize[zero,4,16,asym]"{{.*}} -> tensor<4x4x16x1xi8>
  // FOUR: tensor.collapse_shape {{.*}} into tensor<4x64x16x1xf32>
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "mmt4d[16,1]", logical = tensor<64x64xf32>} : () -> tensor<4x64x16x1xf32>
  return %w : tensor<4x64x16x1xf32>
}

// Rows that fall into no groups, and a table that is gathered from, stay as they are.
// CHECK-LABEL: func.func @left_alone
func.func @left_alone(%i: index) -> (tensor<4x60x16x1xf32>, f32) {
  // CHECK: key = "a"
  // CHECK: key = "t"
  // CHECK-NOT: quantize
  // CHECK: return
  %a = "infer.weight"() {key = "a", digest = "sha256:1", layout = "mmt4d[16,1]", logical = tensor<64x60xf32>} : () -> tensor<4x60x16x1xf32>
  %t = "infer.weight"() {key = "t", digest = "sha256:2", layout = "row_major", logical = tensor<100x64xf32>} : () -> tensor<100x64xf32>
  %e = tensor.extract %t[%i, %i] : tensor<100x64xf32>
  return %a, %e : tensor<4x60x16x1xf32>, f32
}
