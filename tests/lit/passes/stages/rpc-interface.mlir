// RUN: infc-opt --pass-pipeline='builtin.module(rpc-interface{service=encoder})' %s | filecheck %s

// CHECK: "rpc.service"() ({
// CHECK-NEXT: "rpc.method"() {function = @forward, inputs = [{dims = ["batch[1..64]"], name = "ids", type = tensor<?x8xi64>}, {name = "input1", type = tensor<8xi1>}], outputs = [{name = "pooled", type = tensor<8xf32>}], sym_name = "forward"}
// CHECK-NEXT: }) {sym_name = "encoder"}

// CHECK: func.func @forward(%arg0: tensor<?x8xi64>, %arg1: tensor<8xi1> {other.attribute}) -> tensor<8xf32>
func.func @forward(%ids: tensor<?x8xi64> {rpc.name = "ids", rpc.dims = ["batch[1..64]"]}, %mask: tensor<8xi1> {other.attribute})
    -> (tensor<8xf32> {rpc.name = "pooled"}) {
  %0 = tensor.empty() : tensor<8xf32>
  return %0 : tensor<8xf32>
}

// CHECK: func.func private @helper
func.func private @helper() {
  return
}
