// RUN: infc-opt --pass-pipeline='builtin.module(rpc-insert-calls)' --split-input-file --verify-diagnostics %s

func.func private @main_stage0(%x: tensor<4xf32>) -> tensor<4xf32> attributes {infer.placement = "client", infer.stage = "stage0"} {
  return %x : tensor<4xf32>
}
func.func private @main_stage1(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> attributes {infer.placement = "pool", infer.stage = "stage1"} {
  return %x : tensor<4xf32>
}
func.func @main(%x: tensor<4xf32>, %mask: tensor<4xf32>) -> tensor<4xf32> {
  %a = call @main_stage0(%x) : (tensor<4xf32>) -> tensor<4xf32>
  // expected-error@+1 {{rpc-insert-calls: @main: argument 1 is read in the pool, but what the application is given stays there}}
  %b = call @main_stage1(%a, %mask) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %b : tensor<4xf32>
}

// -----

func.func private @main_stage0(%x: tensor<4xf32>) -> tensor<4xf32> attributes {infer.placement = "client", infer.stage = "stage0"} {
  return %x : tensor<4xf32>
}
func.func private @main_stage1(%x: tensor<4xf32>) -> tensor<4xf32> attributes {infer.placement = "pool", infer.stage = "stage1"} {
  return %x : tensor<4xf32>
}
func.func private @main_stage2(%x: tensor<4xf32>) -> tensor<4xf32> attributes {infer.placement = "client", infer.stage = "stage2"} {
  return %x : tensor<4xf32>
}
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a = call @main_stage0(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %b = call @main_stage1(%a) : (tensor<4xf32>) -> tensor<4xf32>
  // expected-error@+1 {{the application reads what the pool computes, and nothing goes there twice}}
  %c = call @main_stage2(%b) : (tensor<4xf32>) -> tensor<4xf32>
  return %c : tensor<4xf32>
}

// -----

// expected-error@+1 {{nothing to cut: the stages' placements are none}}
module {
  func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
    return %x : tensor<4xf32>
  }
}

// -----

func.func private @main_stage1(%x: tensor<4xf32>) -> tensor<4xf32> attributes {infer.placement = "pool", infer.stage = "stage1"} {
  return %x : tensor<4xf32>
}
func.func private @main_stage0(%x: tensor<4xf32>) -> tensor<4xf32> attributes {infer.placement = "client", infer.stage = "stage0"} {
  return %x : tensor<4xf32>
}
// expected-error@+1 {{@side: the pool computes nothing of it}}
func.func @side(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a = call @main_stage0(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %a : tensor<4xf32>
}
