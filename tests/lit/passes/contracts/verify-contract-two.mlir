// RUN: infc-opt --pass-pipeline='builtin.module(infer-partition{stages=2},infer-outline-stages,mem-schedule,rpc-interface,infer-verify-contract{level=2})' %s | filecheck %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-verify-contract{level=2})' %s 2>&1 | filecheck --check-prefix UNCUT %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-partition{stages=2},infer-verify-contract{level=2})' %s 2>&1 | filecheck --check-prefix INSIDE %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-partition{stages=2},infer-outline-stages,rpc-interface,infer-verify-contract{level=2})' %s 2>&1 | filecheck --check-prefix UNSCHEDULED %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-partition{stages=2},infer-outline-stages,mem-schedule,infer-verify-contract{level=2})' %s 2>&1 | filecheck --check-prefix NAMELESS %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-partition{stages=2},mem-schedule)' %s 2>&1 | filecheck --check-prefix EARLY %s

// CHECK: "rpc.service"
// CHECK: "mem.slab"() {{.*}} sym_name = "slab_chain_stage0"
// UNCUT: contract 2: there is no stage
// UNCUT: hint: infer-partition, then infer-outline-stages
// INSIDE: verify-contract-two.mlir:19:1: infer-verify-contract: contract 2: stage 'stage0' is no function
// UNSCHEDULED: contract 2: weight 'a' is read before it is required
// NAMELESS: contract 2: @chain is no stage and no method
// EARLY: mem-schedule: infer.stage must become a function first



func.func @chain(%x: tensor<1x32xf32>, %f: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %a = "infer.weight"() {key = "a", digest = "sha256:0", layout = "row_major", logical = tensor<32x32xf32>} : () -> tensor<32x32xf32>
  %b = "infer.weight"() {key = "b", digest = "sha256:1", layout = "row_major", logical = tensor<32x32xf32>} : () -> tensor<32x32xf32>
  %0 = linalg.matmul ins(%x, %a : tensor<1x32xf32>, tensor<32x32xf32>) outs(%f : tensor<1x32xf32>) -> tensor<1x32xf32>
  %1 = linalg.matmul ins(%0, %b : tensor<1x32xf32>, tensor<32x32xf32>) outs(%f : tensor<1x32xf32>) -> tensor<1x32xf32>
  return %1 : tensor<1x32xf32>
}
