// RUN: infc-opt --pass-pipeline='builtin.module(infer-exact-doubles)' %s | filecheck %s

// CHECK-LABEL: func.func @doubles
// CHECK: math.expm1
// CHECK: math.copysign
// CHECK: math.log %arg0
// CHECK: math.roundeven
// CHECK: arith.fptosi {{.*}} : f64 to i64
// CHECK-NOT: math.{{sin|cos|tan|log2}}
// CHECK: return
func.func @doubles(%x: f64) -> (f64, f64, f64, f64, f64) {
  %a = math.tanh %x : f64
  %b = math.log2 %x : f64
  %c = math.sin %x : f64
  %d = math.cos %x : f64
  %e = math.tan %x : f64
  return %a, %b, %c, %d, %e : f64, f64, f64, f64, f64
}

// CHECK-LABEL: func.func @others
func.func @others(%x: f32, %y: tensor<4xf64>) -> (f32, tensor<4xf64>) {
  // CHECK-NEXT: math.tanh %arg0 : f32
  // CHECK-NEXT: math.tanh %arg1 : tensor<4xf64>
  %a = math.tanh %x : f32
  %b = math.tanh %y : tensor<4xf64>
  return %a, %b : f32, tensor<4xf64>
}
