// RUN: infc-opt --split-input-file --verify-diagnostics --pass-pipeline='builtin.module(infer-verify-contract{level=2})' %s

"rpc.service"() ({
  "rpc.method"() {sym_name = "f", function = @f, inputs = [], outputs = []} : () -> ()
}) {sym_name = "model"} : () -> ()
func.func private @s(%x: f32) -> f32 attributes {infer.stage = "s", infer.placement = "a"} { return %x : f32 }
func.func private @t(%x: f32) -> f32 attributes {infer.stage = "t", infer.placement = "b"} { return %x : f32 }
func.func @f(%x: f32) -> f32 {
  %0 = call @s(%x) : (f32) -> f32
  // expected-error@+1 {{contract 2: @t on b reads a value that is on a}}
  %1 = call @t(%0) : (f32) -> f32
  return %1 : f32
}

// -----

"rpc.service"() ({
  "rpc.method"() {sym_name = "f", function = @f, inputs = [], outputs = []} : () -> ()
}) {sym_name = "model"} : () -> ()
func.func private @s(%x: f32) -> f32 attributes {infer.stage = "s", infer.placement = "a"} { return %x : f32 }
func.func @f(%x: f32) -> f32 {
  %0 = call @s(%x) : (f32) -> f32
  // expected-error@+1 {{contract 2: the value is on a, not on b}}
  %1 = "infer.transfer"(%0) {source = "b", target = "c"} : (f32) -> f32
  return %1 : f32
}

// -----

"rpc.service"() ({
  "rpc.method"() {sym_name = "f", function = @f, inputs = [], outputs = []} : () -> ()
}) {sym_name = "model"} : () -> ()
func.func private @s(%x: f32) -> f32 attributes {infer.stage = "s", infer.placement = "a"} { return %x : f32 }
func.func @f(%x: f32) -> f32 {
  // expected-error@+1 {{contract 2: between stages there are calls of stages and transfers, not arith.addf}}
  %0 = arith.addf %x, %x : f32
  return %0 : f32
}

// -----

// expected-error@+1 {{contract 2: stage @s has no placement}}
func.func private @s(%x: f32) -> f32 attributes {infer.stage = "s"} { return %x : f32 }

// -----

"mem.slab"() {sym_name = "w", length = 64 : i64, alignment = 64 : i64, chunks = 1 : i64} : () -> ()
func.func private @s(%x: f32) -> f32 attributes {infer.stage = "s", infer.placement = "a"} {
  // expected-error@+1 {{contract 2: weight 'k' is required before it is prefetched}}
  "mem.require"() {slab = @w, key = "k"} : () -> ()
  return %x : f32
}

// -----

// expected-error@+1 {{contract 2: the interface has a method of @gone, which does not exist}}
module {
  "rpc.service"() ({
    "rpc.method"() {sym_name = "f", function = @gone, inputs = [], outputs = []} : () -> ()
  }) {sym_name = "model"} : () -> ()
  func.func private @s(%x: f32) -> f32 attributes {infer.stage = "s", infer.placement = "a"} { return %x : f32 }
}
