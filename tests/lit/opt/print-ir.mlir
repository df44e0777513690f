// RUN: infc-opt --print-ir-after-all --pass-pipeline='builtin.module(infer-dedupe-weights,cse)' %s 2>&1 | filecheck %s
// RUN: infc-opt --print-ir-before-all --pass-pipeline='builtin.module(infer-dedupe-weights)' %s 2>&1 | filecheck --check-prefix BEFORE %s
// RUN: infc-opt --mlir-print-op-generic --mlir-print-debuginfo %s | filecheck --check-prefix GENERIC %s

// CHECK: IR Dump After infer-dedupe-weights
// CHECK: func.func @f
// CHECK: IR Dump After CSE
// BEFORE: IR Dump Before infer-dedupe-weights
// GENERIC: "func.func"
// GENERIC: loc("-":11:1)
func.func @f() {
  return
}
