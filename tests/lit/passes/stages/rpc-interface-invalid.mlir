// RUN: infc-opt --split-input-file --verify-diagnostics --pass-pipeline='builtin.module(rpc-interface)' %s

// expected-error@+1 {{rpc-interface: there is no public function to be called}}
module {
  func.func private @f()
}

// -----

// expected-error@+1 {{rpc-interface: @f: input0 is a i32, only tensors can be sent}}
func.func @f(%x: i32) {
  return
}

// -----

// expected-error@+1 {{rpc-interface: there is an rpc.service already}}
"rpc.service"() ({
}) {sym_name = "model"} : () -> ()
func.func @f() {
  return
}

// -----

// The interface must make sense to the dialect: a dynamic dimension needs bounds.
func.func @f(%x: tensor<?xf32>) {
  return
}
// expected-error@-3 {{method 'f': inputs[0] ('input0') of type tensor<?xf32> needs dims for its 1 dynamic dimensions, got 0}}

// -----

// expected-error@+1 {{rpc-interface: the service cannot be called 'model' as this function}}
func.func @model() {
  return
}
