// RUN: infc-opt --pass-pipeline='builtin.module(infer-exact-math)' %s | filecheck %s

// CHECK-LABEL: func.func @power
func.func @power(%x: f32, %y: f32) -> f32 {
  // CHECK: %[[SIZE:.*]] = math.absf %arg0 : f32
  // CHECK: %[[RAW:.*]] = math.powf %[[SIZE]], %arg1 : f32
  // CHECK-NEXT: %[[POWER:.*]] = arith.select {{.*}}, {{.*}}, %[[RAW]] : f32
  // CHECK: %[[MINUS:.*]] = arith.negf %[[POWER]] : f32
  // CHECK-NEXT: %[[SIGNED:.*]] = arith.select {{.*}}, %[[MINUS]], %[[POWER]] : f32
  // CHECK: %[[OF_NEGATIVE:.*]] = arith.select {{.*}}, %[[SIGNED]], {{.*}} : f32
  // CHECK: math.copysign {{.*}}, %arg0 : f32
  // CHECK: arith.select {{.*}}, %[[OF_NEGATIVE]], %[[POWER]] : f32
  %r = math.powf %x, %y : f32
  return %r : f32
}

// CHECK-LABEL: func.func @angle
func.func @angle(%y: f64, %x: f64) -> f64 {
  // CHECK: %[[RISE:.*]] = math.absf %arg0 : f64
  // CHECK: %[[STRIDE:.*]] = math.absf %arg1 : f64
  // CHECK: math.atan2 %[[RISE]], %[[STRIDE]] : f64
  // CHECK: %[[ANGLE:.*]] = math.copysign {{.*}}, %arg0 : f64
  // CHECK: return %[[ANGLE]]
  %r = math.atan2 %y, %x : f64
  return %r : f64
}

// What torch-mlir leaves is scalar by now; a tensor's that a user hands to infc-opt stays as it is.
// CHECK-LABEL: func.func @tensors
func.func @tensors(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK-NEXT: math.powf %arg0, %arg1 : tensor<4xf32>
  %r = math.powf %x, %y : tensor<4xf32>
  return %r : tensor<4xf32>
}

// CHECK-LABEL: func.func @reciprocal
func.func @reciprocal(%x: f32) -> f32 {
  // CHECK: %[[CUBE:.*]] = math.fpowi %arg0, %{{.*}} : f32, i64
  // CHECK: %[[R:.*]] = arith.divf %{{.*}}, %[[CUBE]] : f32
  // CHECK: return %[[R]]
  %n = arith.constant -3 : i64
  %r = math.fpowi %x, %n : f32, i64
  return %r : f32
}
