// RUN: infc-opt --split-input-file %s | filecheck --check-prefix SAME %s
// RUN: infc-opt --split-input-file --pass-pipeline='builtin.module(canonicalize)' %s | filecheck %s
// RUN: not infc-opt --split-input-file --pass-pipeline='builtin.module(infer-raise-weights)' %s 2>&1 | filecheck --check-prefix PLACE %s

// CHECK-LABEL: func.func @first
// CHECK-NOT: arith
func.func @first() {
  %unused = arith.constant 1 : i32
  return
}

// CHECK: // -----
// -----

// CHECK-LABEL: func.func @second
func.func @second() -> tensor<4xf32> {
  // The place is the one in the whole file.
  // PLACE: error: {{.*}}split-input.mlir:19:8: infer-raise-weights: resource 'w' has no entry in infer.weights
  %0 = arith.constant dense_resource<w> : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// A resource of the same name in another text keeps it.
// SAME-LABEL: func.func @third
// SAME: dense_resource<w> :
func.func @third() -> tensor<4xf32> {
  %0 = arith.constant dense_resource<w> : tensor<4xf32>
  return %0 : tensor<4xf32>
}
