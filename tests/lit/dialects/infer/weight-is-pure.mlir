// RUN: infc-opt --pass-pipeline='builtin.module(canonicalize)' %s | filecheck %s

// A weight that nothing reads is dead code.
// CHECK-LABEL: func.func @unused
// CHECK-NOT: infer.weight
func.func @unused() {
  %a = "infer.weight"() {key = "a", digest = "sha256:0", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>
  return
}
