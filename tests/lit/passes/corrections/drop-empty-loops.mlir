// RUN: infc-opt --pass-pipeline='builtin.module(infer-drop-empty-loops)' %s | filecheck %s

// A product over nothing is what it is added to.
// CHECK-LABEL: func.func @product
// CHECK-SAME: %[[SUM:[a-z0-9]+]]: tensor<3x4xf32>)
// CHECK-NEXT: return %[[SUM]]
func.func @product(%a: tensor<3x0xf32>, %b: tensor<0x4xf32>, %sum: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %p = linalg.matmul ins(%a, %b : tensor<3x0xf32>, tensor<0x4xf32>) outs(%sum : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %p : tensor<3x4xf32>
}

// One over something stays, and so does one whose size only the call knows.
// CHECK-LABEL: func.func @others
// CHECK: linalg.matmul
// CHECK: linalg.matmul
func.func @others(%a: tensor<3x1xf32>, %b: tensor<1x4xf32>, %c: tensor<4x?xf32>, %d: tensor<?x4xf32>, %sum: tensor<3x4xf32>, %other: tensor<4x4xf32>) -> (tensor<3x4xf32>, tensor<4x4xf32>) {
  %p = linalg.matmul ins(%a, %b : tensor<3x1xf32>, tensor<1x4xf32>) outs(%sum : tensor<3x4xf32>) -> tensor<3x4xf32>
  %q = linalg.matmul ins(%c, %d : tensor<4x?xf32>, tensor<?x4xf32>) outs(%other : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %p, %q : tensor<3x4xf32>, tensor<4x4xf32>
}
