// RUN: infc-opt --pass-pipeline='builtin.module(infer-exact-unary)' %s | filecheck %s

// CHECK-LABEL: func.func @turns
func.func @turns(%x: f32) -> f32 {
  // CHECK: %[[TURNS:.*]] = arith.mulf %arg0
  // CHECK: %[[K:.*]] = math.roundeven %[[TURNS]] : f32
  // CHECK: %[[REST:.*]] = arith.constant 1.74845553E-7 : f32
  // CHECK: %[[TURN:.*]] = arith.constant -6.28318548 : f32
  // CHECK: %[[HIGH:.*]] = math.fma %[[K]], %[[TURN]], %arg0 : f32
  // CHECK: %[[ANGLE:.*]] = math.fma %[[K]], %[[REST]], %[[HIGH]] : f32
  // CHECK: %[[SINE:.*]] = math.sin %[[ANGLE]] : f32
  // CHECK: return %[[SINE]]
  %r = math.sin %x : f32
  return %r : f32
}

// CHECK-LABEL: func.func @narrow
func.func @narrow(%x: bf16) -> bf16 {
  // CHECK: arith.extf %arg0 : bf16 to f32
  // CHECK: %[[COSINE:.*]] = math.cos {{.*}} : f32
  // CHECK: arith.truncf %[[COSINE]] : f32 to bf16
  %r = math.cos %x : bf16
  return %r : bf16
}

// CHECK-LABEL: func.func @area
func.func @area(%x: f64) -> (f64, f64, f64) {
  // CHECK-NOT: math.asinh
  // CHECK-NOT: math.acosh
  // CHECK-NOT: math.log10
  // CHECK: math.log1p
  // CHECK: math.copysign {{.*}}, %arg0 : f64
  %a = math.asinh %x : f64
  %b = math.acosh %x : f64
  %c = math.log10 %x : f64
  return %a, %b, %c : f64, f64, f64
}

// What torch-mlir leaves is scalar by now; a tensor's that a user hands to infc-opt stays as it is.
// CHECK-LABEL: func.func @tensors
func.func @tensors(%x: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK-NEXT: math.sin %arg0 : tensor<4xf32>
  %r = math.sin %x : tensor<4xf32>
  return %r : tensor<4xf32>
}
