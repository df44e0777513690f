// RUN: infc-opt --pass-pipeline='builtin.module(infer-lower-transfers)' %s | filecheck %s

// CHECK-LABEL: func.func @f(%arg0: f32)
// CHECK-NEXT: return %arg0
func.func @f(%x: f32) -> f32 {
  %0 = "infer.transfer"(%x) {source = "a", target = "b"} : (f32) -> f32
  %1 = "infer.transfer"(%0) {source = "b", target = "c"} : (f32) -> f32
  return %1 : f32
}
