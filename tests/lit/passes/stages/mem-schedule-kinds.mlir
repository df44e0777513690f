// RUN: infc-opt --pass-pipeline='builtin.module(infer-partition{stages=1},infer-outline-stages,mem-schedule,rpc-interface,infer-verify-contract{level=2})' %s | filecheck %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-partition{stages=1},infer-outline-stages,rpc-interface,infer-verify-contract{level=2})' %s 2>&1 | filecheck --check-prefix BARE %s

// A weight that stands in an operation's region is read by that operation; one without bytes need not come.
// CHECK: "mem.slab"() {alignment = 64 : i64, chunks = 1 : i64, length = 64 : i64
// CHECK-LABEL: func.func private @loop_stage0
// CHECK: "mem.prefetch"() {bytes = 16 : i64, key = "inside", slab = @slab_loop_stage0}
// CHECK-NOT: "nothing", slab
// CHECK: "mem.require"() {key = "inside", slab = @slab_loop_stage0}
// CHECK-NEXT: scf.for
// CHECK: "mem.release"() {key = "inside", slab = @slab_loop_stage0}
// BARE: contract 2: weight 'inside' is read before it is required
func.func @loop(%x: tensor<4xf32>, %e: tensor<0x4xf32>) -> (tensor<4xf32>, tensor<0x4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %n = "infer.weight"() {key = "nothing", digest = "sha256:0", layout = "row_major", logical = tensor<0x4xf32>} : () -> tensor<0x4xf32>
  %r = scf.for %i = %c0 to %c4 step %c1 iter_args(%t = %x) -> tensor<4xf32> {
    %w = "infer.weight"() {key = "inside", digest = "sha256:1", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>
    %u = arith.addf %t, %w : tensor<4xf32>
    scf.yield %u : tensor<4xf32>
  }
  %s = arith.addf %e, %n : tensor<0x4xf32>
  %q = arith.addf %r, %r : tensor<4xf32>
  return %q, %s : tensor<4xf32>, tensor<0x4xf32>
}
