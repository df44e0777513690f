// RUN: infc-opt %s | infc-opt | filecheck %s

// CHECK: "rpc.service"() ({
"rpc.service"() ({
  // CHECK-NEXT: "rpc.method"() {function = @forward, inputs = [{dims = ["batch[1..64]"], name = "ids", type = tensor<?x8xi64>}, {name = "mask", type = tensor<8xi1>}], outputs = [{dims = ["batch[1..64]"], name = "y", type = tensor<?x4xf32>}], sym_name = "forward"}
  "rpc.method"() {
    sym_name = "forward", function = @forward,
    inputs = [{name = "ids", type = tensor<?x8xi64>, dims = ["batch[1..64]"]}, {name = "mask", type = tensor<8xi1>}],
    outputs = [{name = "y", type = tensor<?x4xf32>, dims = ["batch[1..64]"]}]
  } : () -> ()
// CHECK: }) {sym_name = "encoder"} : () -> ()
}) {sym_name = "encoder"} : () -> ()

func.func @client(%in: tuple<tensor<?x8xi64>, tensor<8xi1>>) -> tuple<tensor<?x4xf32>> {
  // CHECK: "rpc.call"(%{{.*}}) {method = @encoder::@forward} : (tuple<tensor<?x8xi64>, tensor<8xi1>>) -> tuple<tensor<?x4xf32>>
  %out = "rpc.call"(%in) {method = @encoder::@forward} : (tuple<tensor<?x8xi64>, tensor<8xi1>>) -> tuple<tensor<?x4xf32>>
  return %out : tuple<tensor<?x4xf32>>
}
