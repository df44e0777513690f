// RUN: infc-opt --split-input-file --verify-diagnostics %s

func.func @f(%t: tuple<tensor<4xf32>>) {
  // expected-error@+1 {{needs a name of letters, digits, '_' and '-', got 'two words'}}
  %r = "infer.stage"(%t) ({
  ^bb0(%x: tensor<4xf32>):
  %y = builtin.unrealized_conversion_cast %x : tensor<4xf32> to tuple<tensor<4xf32>>
  "infer.yield"(%y) : (tuple<tensor<4xf32>>) -> ()
  }) {stage = "two words", placement = "cpu0"} : (tuple<tensor<4xf32>>) -> tuple<tensor<4xf32>>
  return
}

// -----

func.func @f(%t: tuple<tensor<4xf32>>) {
  // expected-error@+1 {{stage 's' needs a placement that is not empty}}
  %r = "infer.stage"(%t) ({
  ^bb0(%x: tensor<4xf32>):
  %y = builtin.unrealized_conversion_cast %x : tensor<4xf32> to tuple<tensor<4xf32>>
  "infer.yield"(%y) : (tuple<tensor<4xf32>>) -> ()
  }) {stage = "s", placement = ""} : (tuple<tensor<4xf32>>) -> tuple<tensor<4xf32>>
  return
}

// -----

func.func @f(%t: tuple<tensor<4xf32>>) {
  // expected-error@+1 {{attribute "placement" is expected but not provided}}
  %r = "infer.stage"(%t) ({
  ^bb0(%x: tensor<4xf32>):
  %y = builtin.unrealized_conversion_cast %x : tensor<4xf32> to tuple<tensor<4xf32>>
  "infer.yield"(%y) : (tuple<tensor<4xf32>>) -> ()
  }) {stage = "s"} : (tuple<tensor<4xf32>>) -> tuple<tensor<4xf32>>
  return
}

// -----

func.func @f(%t: tuple<tensor<4xf32>>) {
  // expected-error@+1 {{stage 's': its block takes (tensor<8xf32>), its inputs are (tensor<4xf32>)}}
  %r = "infer.stage"(%t) ({
  ^bb0(%x: tensor<8xf32>):
  %y = builtin.unrealized_conversion_cast %x : tensor<8xf32> to tuple<tensor<4xf32>>
  "infer.yield"(%y) : (tuple<tensor<4xf32>>) -> ()
  }) {stage = "s", placement = "cpu0"} : (tuple<tensor<4xf32>>) -> tuple<tensor<4xf32>>
  return
}

// -----

func.func @f(%t: tuple<tensor<4xf32>>) {
  // expected-error@+1 {{stage 's' must end with infer.yield}}
  %r = "infer.stage"(%t) ({
  ^bb0(%x: tensor<4xf32>):
  "test.end"() : () -> ()
  }) {stage = "s", placement = "cpu0"} : (tuple<tensor<4xf32>>) -> tuple<tensor<4xf32>>
  return
}

// -----

func.func @f(%t: tuple<tensor<4xf32>>) {
  // expected-error@+1 {{stage 's' yields tuple<tensor<4xf32>>, its outputs are tuple<tensor<8xf32>>}}
  %r = "infer.stage"(%t) ({
  ^bb0(%x: tensor<4xf32>):
  %y = builtin.unrealized_conversion_cast %x : tensor<4xf32> to tuple<tensor<4xf32>>
  "infer.yield"(%y) : (tuple<tensor<4xf32>>) -> ()
  }) {stage = "s", placement = "cpu0"} : (tuple<tensor<4xf32>>) -> tuple<tensor<8xf32>>
  return
}

// -----

func.func @f(%t: tuple<tensor<4xf32>>) {
  // expected-error@+1 {{stage 's' must have one block, got 0}}
  %r = "infer.stage"(%t) ({}) {stage = "s", placement = "cpu0"} : (tuple<tensor<4xf32>>) -> tuple<tensor<4xf32>>
  return
}

// -----

func.func @f(%t: tuple<tensor<4xf32>>, %outside: tensor<4xf32>) {
  %r = "infer.stage"(%t) ({
  ^bb0(%x: tensor<4xf32>):
    // expected-error@+1 {{using value defined outside the region}}
    %y = builtin.unrealized_conversion_cast %outside : tensor<4xf32> to tuple<tensor<4xf32>>
    "infer.yield"(%y) : (tuple<tensor<4xf32>>) -> ()
  }) {stage = "s", placement = "cpu0"} : (tuple<tensor<4xf32>>) -> tuple<tensor<4xf32>>
  return
}

// -----

func.func @f(%t: tuple<tensor<4xf32>>) {
  // expected-error@+1 {{'infer.yield' op must stand in an infer.stage}}
  "infer.yield"(%t) : (tuple<tensor<4xf32>>) -> ()
}

// -----

func.func @f(%x: f32) {
  // expected-error@+1 {{moves a value from 'cpu0' to 'cpu0', which is where it is}}
  %0 = "infer.transfer"(%x) {source = "cpu0", target = "cpu0"} : (f32) -> f32
  return
}

// -----

func.func @f(%x: f32) {
  // expected-error@+1 {{needs a source and a target that are not empty}}
  %0 = "infer.transfer"(%x) {source = "", target = "cpu0"} : (f32) -> f32
  return
}

// -----

func.func @f(%x: f32) {
  // expected-error@+1 {{expected 'f32' but got 'f64'}}
  %0 = "infer.transfer"(%x) {source = "a", target = "b"} : (f32) -> f64
  return
}
