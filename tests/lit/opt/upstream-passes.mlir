// RUN: infc-opt --pass-pipeline='builtin.module(func.func(canonicalize),cse)' %s | filecheck %s

// CHECK-LABEL: func.func @f
// CHECK-NOT: arith.addi
func.func @f(%a: i32) -> i32 {
  %c0 = arith.constant 0 : i32
  %0 = arith.addi %a, %c0 : i32
  return %0 : i32
}
