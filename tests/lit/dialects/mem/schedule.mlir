// RUN: infc-opt %s | infc-opt | filecheck %s

// CHECK: "mem.slab"() {alignment = 64 : i64, chunks = 2 : i64, length = 4194304 : i64, sym_name = "main"} : () -> ()
"mem.slab"() {sym_name = "main", length = 4194304 : i64, alignment = 64 : i64, chunks = 2 : i64} : () -> ()

// CHECK-LABEL: func.func @f
func.func @f() {
  // CHECK: "mem.prefetch"() {bytes = 16 : i64, key = "w", slab = @main} : () -> ()
  "mem.prefetch"() {slab = @main, key = "w", bytes = 16 : i64} : () -> ()
  // CHECK: "mem.require"() {key = "w", slab = @main} : () -> ()
  "mem.require"() {slab = @main, key = "w"} : () -> ()
  // CHECK: "mem.release"() {key = "w", slab = @main} : () -> ()
  "mem.release"() {slab = @main, key = "w"} : () -> ()
  return
}
