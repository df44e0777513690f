// RUN: infc-opt --pass-pipeline='builtin.module(mem-schedule,mem-lower,infer-lower-weights)' %s | filecheck --check-prefix PLAN %s
// What says when weights are needed goes with them.
// PLAN-NOT: mem.plan
// PLAN: util.global
// RUN: infc-opt --pass-pipeline='builtin.module(infer-lower-weights)' %s | filecheck %s

// One global for each key, however often it is read.
// CHECK: "util.global"() {{.*}}initial_value = #stream.parameter.named<"model"::"a.b"> : tensor<4xf32>, sym_name = "__weight_0"
// CHECK-NOT: "util.global"()
// CHECK-LABEL: func.func @main
func.func @main() -> (tensor<4xf32>, tensor<4xf32>) {
  // CHECK: "util.global.load"() {{.*}}global = @__weight_0{{.*}} : () -> tensor<4xf32>
  %0 = "infer.weight"() {key = "a.b", digest = "sha256:1", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>
  // CHECK: "util.global.load"() {{.*}}global = @__weight_0{{.*}} : () -> tensor<4xf32>
  %1 = "infer.weight"() {key = "a.b", digest = "sha256:1", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>
  // CHECK-NOT: infer.weight
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
}
