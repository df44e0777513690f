// RUN: infc-opt --pass-pipeline='builtin.module(infer-pack-weights)' %s | filecheck %s

// CHECK-NOT: mmt4d

// Something else reads the weight in its logical shape: an embedding tied to the head.
// CHECK-LABEL: func.func @tied
func.func @tied(%x: tensor<3x6xf32>) -> (tensor<3x16xf32>, tensor<6x16xf32>) {
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<6x16xf32>} : () -> tensor<6x16xf32>
  %zero = arith.constant 0.0 : f32
  %o = tensor.empty() : tensor<3x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%o : tensor<3x16xf32>) -> tensor<3x16xf32>
  // CHECK: linalg.matmul
  %y = linalg.matmul ins(%x, %w : tensor<3x6xf32>, tensor<6x16xf32>) outs(%f : tensor<3x16xf32>) -> tensor<3x16xf32>
  return %y, %w : tensor<3x16xf32>, tensor<6x16xf32>
}

// The accumulator does not begin at zero.
// CHECK-LABEL: func.func @accumulates
func.func @accumulates(%x: tensor<3x6xf32>, %o: tensor<3x16xf32>) -> tensor<3x16xf32> {
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<6x16xf32>} : () -> tensor<6x16xf32>
  // CHECK: linalg.matmul
  %y = linalg.matmul ins(%x, %w : tensor<3x6xf32>, tensor<6x16xf32>) outs(%o : tensor<3x16xf32>) -> tensor<3x16xf32>
  return %y : tensor<3x16xf32>
}

// The weight is the left side.
// CHECK-LABEL: func.func @left
func.func @left(%x: tensor<16x3xf32>) -> tensor<6x3xf32> {
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<6x16xf32>} : () -> tensor<6x16xf32>
  %zero = arith.constant 0.0 : f32
  %o = tensor.empty() : tensor<6x3xf32>
  %f = linalg.fill ins(%zero : f32) outs(%o : tensor<6x3xf32>) -> tensor<6x3xf32>
  // CHECK: linalg.matmul
  %y = linalg.matmul ins(%w, %x : tensor<6x16xf32>, tensor<16x3xf32>) outs(%f : tensor<6x3xf32>) -> tensor<6x3xf32>
  return %y : tensor<6x3xf32>
}

// Half precision has no packed form yet.
// CHECK-LABEL: func.func @half
func.func @half(%x: tensor<3x6xf16>) -> tensor<3x16xf16> {
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<6x16xf16>} : () -> tensor<6x16xf16>
  %zero = arith.constant 0.0 : f16
  %o = tensor.empty() : tensor<3x16xf16>
  %f = linalg.fill ins(%zero : f16) outs(%o : tensor<3x16xf16>) -> tensor<3x16xf16>
  // CHECK: linalg.matmul
  %y = linalg.matmul ins(%x, %w : tensor<3x6xf16>, tensor<6x16xf16>) outs(%f : tensor<3x16xf16>) -> tensor<3x16xf16>
  return %y : tensor<3x16xf16>
}

// The reduction's size is not known.
// CHECK-LABEL: func.func @dynamic_reduction
func.func @dynamic_reduction(%x: tensor<3x?xf32>) -> tensor<3x16xf32> {
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<6x16xf32>} : () -> tensor<6x16xf32>
  %zero = arith.constant 0.0 : f32
  %o = tensor.empty() : tensor<3x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%o : tensor<3x16xf32>) -> tensor<3x16xf32>
  // CHECK: linalg.matmul
  %y = linalg.matmul ins(%x, %w : tensor<3x?xf32>, tensor<6x16xf32>) outs(%f : tensor<3x16xf32>) -> tensor<3x16xf32>
  return %y : tensor<3x16xf32>
}
