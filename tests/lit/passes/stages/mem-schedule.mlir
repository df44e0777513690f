// RUN: infc-opt --pass-pipeline='builtin.module(mem-schedule)' %s | filecheck %s
// RUN: infc-opt --pass-pipeline='builtin.module(mem-schedule{bandwidth=4MiB flops=1e6},mem-lower)' %s | filecheck --check-prefix PLAN %s
// RUN: not infc-opt --pass-pipeline='builtin.module(mem-schedule{bandwidth=fast})' %s 2>&1 | filecheck --check-prefix BAD %s
// RUN: not infc-opt --pass-pipeline='builtin.module(mem-schedule{flops=0})' %s 2>&1 | filecheck --check-prefix FLOPS %s
// RUN: not infc-opt --pass-pipeline='builtin.module(mem-schedule,mem-schedule)' %s 2>&1 | filecheck --check-prefix TWICE %s

// BAD: 'fast' is no size, expected a number of bytes
// FLOPS: flops is 0, expected operations a second
// TWICE: mem-schedule: mem.slab is there already

// At these speeds a weight takes 2 µs and a product 0.04: both are fetched from the beginning.
// CHECK: "mem.slab"() {alignment = 64 : i64, chunks = 1 : i64, length = 8192 : i64, sym_name = "slab_chain"}
// CHECK-LABEL: func.func @chain
// CHECK: "mem.prefetch"() {bytes = 4096 : i64, key = "a", slab = @slab_chain}
// CHECK-NEXT: "mem.prefetch"() {bytes = 4096 : i64, key = "b", slab = @slab_chain}
// CHECK-NEXT: "mem.require"() {key = "a", slab = @slab_chain}
// CHECK-NEXT: linalg.matmul
// CHECK-NEXT: "mem.release"() {key = "a", slab = @slab_chain}
// CHECK-NEXT: "mem.require"() {key = "b", slab = @slab_chain}
// CHECK-NEXT: linalg.matmul
// CHECK-NEXT: "mem.release"() {key = "b", slab = @slab_chain}
// CHECK-NEXT: return

// A product takes 2 ms and a weight 1 ms: each is fetched while the product before the one that reads it is computed.
// PLAN: module attributes {mem.plan = [{bytes = 4096 : i64, key = "a", slab = "slab_chain", step = "prefetch"}, {bytes = 4096 : i64, key = "b", slab = "slab_chain", step = "prefetch"}, {key = "a", slab = "slab_chain", step = "require"}, {key = "a", slab = "slab_chain", step = "release"}, {key = "b", slab = "slab_chain", step = "require"}, {key = "b", slab = "slab_chain", step = "release"},
// PLAN-SAME: {bytes = 4096 : i64, key = "q", slab = "slab_longer", step = "prefetch"}, {bytes = 4096 : i64, key = "p", slab = "slab_longer", step = "prefetch"}, {key = "q", slab = "slab_longer", step = "require"}, {key = "q", slab = "slab_longer", step = "release"}, {bytes = 4096 : i64, key = "o", slab = "slab_longer", step = "prefetch"}, {key = "p", slab = "slab_longer", step = "require"}
// PLAN-NOT: "mem.
func.func @chain(%x: tensor<1x32xf32>, %f: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %a = "infer.weight"() {key = "a", digest = "sha256:0", layout = "row_major", logical = tensor<32x32xf32>} : () -> tensor<32x32xf32>
  %b = "infer.weight"() {key = "b", digest = "sha256:1", layout = "row_major", logical = tensor<32x32xf32>} : () -> tensor<32x32xf32>
  %0 = linalg.matmul ins(%x, %a : tensor<1x32xf32>, tensor<32x32xf32>) outs(%f : tensor<1x32xf32>) -> tensor<1x32xf32>
  %1 = linalg.matmul ins(%0, %b : tensor<1x32xf32>, tensor<32x32xf32>) outs(%f : tensor<1x32xf32>) -> tensor<1x32xf32>
  return %1 : tensor<1x32xf32>
}

func.func @longer(%x: tensor<1x32xf32>, %f: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %q = "infer.weight"() {key = "q", digest = "sha256:0", layout = "row_major", logical = tensor<32x32xf32>} : () -> tensor<32x32xf32>
  %p = "infer.weight"() {key = "p", digest = "sha256:1", layout = "row_major", logical = tensor<32x32xf32>} : () -> tensor<32x32xf32>
  %o = "infer.weight"() {key = "o", digest = "sha256:2", layout = "row_major", logical = tensor<32x32xf32>} : () -> tensor<32x32xf32>
  %0 = linalg.matmul ins(%x, %q : tensor<1x32xf32>, tensor<32x32xf32>) outs(%f : tensor<1x32xf32>) -> tensor<1x32xf32>
  %1 = linalg.matmul ins(%0, %p : tensor<1x32xf32>, tensor<32x32xf32>) outs(%f : tensor<1x32xf32>) -> tensor<1x32xf32>
  %2 = linalg.matmul ins(%1, %o : tensor<1x32xf32>, tensor<32x32xf32>) outs(%f : tensor<1x32xf32>) -> tensor<1x32xf32>
  return %2 : tensor<1x32xf32>
}
