// RUN: infc-opt --pass-pipeline='builtin.module(rpc-insert-calls)' --split-input-file --verify-diagnostics %s | filecheck %s

// What crosses has the caller's dims, with their ranges; what data decides has none that is known before the call.
// CHECK: "rpc.method"() {function = @main_remote,
// CHECK-SAME: inputs = [{dims = ["batch[1..8]"], name = "input0", type = tensor<?x4xf32>}]
// CHECK-SAME: outputs = [{dims = ["batch[1..8]"], name = "output0", type = tensor<?x4xf32>}, {dims = ["?"], name = "output1", type = tensor<?xf32>}]
func.func private @main_stage0(%x: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {infer.placement = "client", infer.stage = "stage0"} {
  return %x : tensor<?x4xf32>
}
func.func private @main_stage1(%x: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?xf32>) attributes {infer.placement = "pool", infer.stage = "stage1"} {
  %zero = arith.constant 0 : index
  %e = tensor.extract %x[%zero, %zero] : tensor<?x4xf32>
  %i = arith.fptosi %e : f32 to i64
  %n = arith.index_cast %i : i64 to index
  %some = tensor.empty(%n) : tensor<?xf32>
  return %x, %some : tensor<?x4xf32>, tensor<?xf32>
}
func.func @main(%x: tensor<?x4xf32> {rpc.dims = ["batch[1..8]"]}) -> (tensor<?x4xf32>, tensor<?xf32>) {
  %a = call @main_stage0(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %b, %c = call @main_stage1(%a) : (tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?xf32>)
  return %b, %c : tensor<?x4xf32>, tensor<?xf32>
}

// -----

func.func private @main_stage0(%x: tensor<?x4xf32>) -> tensor<?xf32> attributes {infer.placement = "client", infer.stage = "stage0"} {
  %y = tensor.collapse_shape %x [[0, 1]] : tensor<?x4xf32> into tensor<?xf32>
  return %y : tensor<?xf32>
}
func.func private @main_stage1(%x: tensor<?xf32>) -> tensor<?xf32> attributes {infer.placement = "pool", infer.stage = "stage1"} {
  return %x : tensor<?xf32>
}
func.func @main(%x: tensor<?x4xf32> {rpc.dims = ["batch[1..8]"]}) -> tensor<?xf32> {
  // expected-error@+1 {{a tensor<?xf32> would be sent, and its size 4*batch is none of the dims batch: the pool could not check it}}
  %a = call @main_stage0(%x) : (tensor<?x4xf32>) -> tensor<?xf32>
  %b = call @main_stage1(%a) : (tensor<?xf32>) -> tensor<?xf32>
  return %b : tensor<?xf32>
}

// -----

func.func private @main_stage0(%x: tensor<?x4xf32>) -> tensor<4xf32> attributes {infer.placement = "client", infer.stage = "stage0"} {
  %y = tensor.empty() : tensor<4xf32>
  return %y : tensor<4xf32>
}
func.func private @main_stage1(%y: tensor<4xf32>, %x: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {infer.placement = "pool", infer.stage = "stage1"} {
  %zero = arith.constant 0 : index
  %rows = tensor.dim %x, %zero : tensor<?x4xf32>
  %e = tensor.empty(%rows) : tensor<?x4xf32>
  return %e : tensor<?x4xf32>
}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %a = call @main_stage0(%x) : (tensor<?x4xf32>) -> tensor<4xf32>
  // expected-error@+1 {{@main: the pool needs a size of argument 0, and nothing that is sent has it}}
  %b = call @main_stage1(%a, %x) : (tensor<4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %b : tensor<?x4xf32>
}

// -----

func.func private @main_stage0(%x: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {infer.placement = "client", infer.stage = "stage0"} {
  return %x : tensor<?x4xf32>
}
func.func private @main_stage1(%x: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {infer.placement = "pool", infer.stage = "stage1"} {
  return %x : tensor<?x4xf32>
}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // expected-error@+1 {{its size arg0_0 is none of the dims of the arguments, which have no `rpc.dims`}}
  %a = call @main_stage0(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %b = call @main_stage1(%a) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return %b : tensor<?x4xf32>
}

// -----

// Numbers that data decides are no sizes that the pool could check.
func.func private @main_stage0(%x: tensor<4xi64>) -> (tensor<4xi64>, tensor<i64>) attributes {infer.placement = "client", infer.stage = "stage0"} {
  %zero = arith.constant 0 : index
  %n = tensor.extract %x[%zero] : tensor<4xi64>
  %box = tensor.from_elements %n : tensor<i64>
  return %x, %box : tensor<4xi64>, tensor<i64>
}
func.func private @main_stage1(%x: tensor<4xi64>, %n: tensor<i64>) -> tensor<?xi64> attributes {infer.placement = "pool", infer.stage = "stage1"} {
  %one = arith.constant 1 : i64
  %number = tensor.extract %n[] : tensor<i64>
  %next = arith.addi %number, %one : i64
  %rows = arith.index_cast %next : i64 to index
  %part = tensor.extract_slice %x[0] [%rows] [1] : tensor<4xi64> to tensor<?xi64>
  return %part : tensor<?xi64>
}
func.func @main(%x: tensor<4xi64>) -> tensor<?xi64> {
  // expected-error@+1 {{a tensor<i64> would be sent, and is the size or place of something there}}
  %a, %n = call @main_stage0(%x) : (tensor<4xi64>) -> (tensor<4xi64>, tensor<i64>)
  %b = call @main_stage1(%a, %n) : (tensor<4xi64>, tensor<i64>) -> tensor<?xi64>
  return %b : tensor<?xi64>
}

// -----

func.func private @main_stage0(%x: tensor<4xi64>) -> (tensor<4xi64>, tensor<1xi64>) attributes {infer.placement = "client", infer.stage = "stage0"} {
  %zero = arith.constant 0 : index
  %n = tensor.extract %x[%zero] : tensor<4xi64>
  %shape = tensor.from_elements %n : tensor<1xi64>
  return %x, %shape : tensor<4xi64>, tensor<1xi64>
}
func.func private @main_stage1(%x: tensor<4xi64>, %n: tensor<1xi64>) -> tensor<?xi64> attributes {infer.placement = "pool", infer.stage = "stage1"} {
  %y = tensor.reshape %x(%n) : (tensor<4xi64>, tensor<1xi64>) -> tensor<?xi64>
  return %y : tensor<?xi64>
}
func.func @main(%x: tensor<4xi64>) -> tensor<?xi64> {
  // expected-error@+1 {{a tensor<1xi64> would be sent, and is the size or place of something there}}
  %a, %n = call @main_stage0(%x) : (tensor<4xi64>) -> (tensor<4xi64>, tensor<1xi64>)
  %b = call @main_stage1(%a, %n) : (tensor<4xi64>, tensor<1xi64>) -> tensor<?xi64>
  return %b : tensor<?xi64>
}
