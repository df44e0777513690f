// RUN: infc-opt --pass-pipeline='builtin.module(infer-cast-weights{dtype=bf16})' %s | filecheck %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-cast-weights{dtype=i8})' %s 2>&1 | filecheck --check-prefix DTYPE %s

// DTYPE: error: pass infer-cast-weights: dtype is 'i8', expected f16 or bf16

// CHECK-LABEL: func.func @packed
func.func @packed() -> tensor<4x64x16x1xf32> {
  // CHECK-NEXT: %[[W:.*]] = "infer.weight"() {{.*}}key = "w|cast[bf16]", layout = "mmt4d[16,1]", logical = tensor<64x64xbf16>, source = "w", transforms = ["cast[bf16]"]} : () -> tensor<4x64x16x1xbf16>
  // CHECK-NEXT: arith.extf %[[W]] : tensor<4x64x16x1xbf16> to tensor<4x64x16x1xf32>
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "mmt4d[16,1]", logical = tensor<64x64xf32>} : () -> tensor<4x64x16x1xf32>
  return %w : tensor<4x64x16x1xf32>
}

// A table is widened where it is read, a vector and a small matrix are left alone.
// CHECK-LABEL: func.func @others
func.func @others(%i: index) -> (f32, tensor<5000xf32>, tensor<8x8xf32>) {
  // CHECK: %[[T:.*]] = "infer.weight"() {{.*}} -> tensor<100x16xbf16>
  // CHECK: key = "v"{{.*}} -> tensor<5000xf32>
  // CHECK: key = "s"{{.*}} -> tensor<8x8xf32>
  // CHECK: %[[E:.*]] = tensor.extract %[[T]]
  // CHECK-NEXT: arith.extf %[[E]] : bf16 to f32
  %t = "infer.weight"() {key = "t", digest = "sha256:2", layout = "row_major", logical = tensor<100x16xf32>} : () -> tensor<100x16xf32>
  %v = "infer.weight"() {key = "v", digest = "sha256:3", layout = "row_major", logical = tensor<5000xf32>} : () -> tensor<5000xf32>
  %s = "infer.weight"() {key = "s", digest = "sha256:4", layout = "row_major", logical = tensor<8x8xf32>} : () -> tensor<8x8xf32>
  %e = tensor.extract %t[%i, %i] : tensor<100x16xf32>
  return %e, %v, %s : f32, tensor<5000xf32>, tensor<8x8xf32>
}

// The scales of integers stay as they are.
// CHECK-LABEL: func.func @scales
func.func @scales() -> tensor<64x64xf32> {
  // CHECK: key = "w|quantize[scale,8,32,sym]"
  // CHECK-NOT: cast
  // CHECK: return
  %s = "infer.weight"() {key = "w|quantize[scale,8,32,sym]", source = "w", transforms = ["quantize[scale,8,32,sym]"],
                         digest = "sha256:1", layout = "row_major", logical = tensor<64x64xf32>} : () -> tensor<64x64xf32>
  return %s : tensor<64x64xf32>
}
