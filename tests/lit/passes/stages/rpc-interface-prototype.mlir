// RUN: infc-opt --pass-pipeline='builtin.module(rpc-interface{service=encoder})' %s | filecheck %s

// A declaration that is marked is a method whose function is elsewhere; what is said of it becomes the method's.

// CHECK: "rpc.service"() ({
// CHECK-NEXT: "rpc.method"() {doc = "Adds.", function = @encoder, inputs = [{high = 9 : i64, low = 0 : i64, name = "ids", number = 3 : i64, type = tensor<8xi64>}], outputs = [{dims = ["?"], name = "kept", type = tensor<?xi64>}], reserved_inputs = {{\[\[}}1, "old"]], returns = ["tensor", "kept"], sym_name = "encoder", takes = {{\[\[}}"ids", "either", true, ["tensor", "ids"]]]}
// CHECK-NEXT: }) {sym_name = "encoder"}
// CHECK-NOT: @encoder
func.func private @encoder(tensor<8xi64> {rpc.name = "ids", rpc.low = 0, rpc.high = 9, rpc.number = 3})
    -> (tensor<?xi64> {rpc.name = "kept", rpc.dims = ["?"]})
    attributes {rpc.prototype, rpc.doc = "Adds.", rpc.reserved_inputs = [[1, "old"]], rpc.returns = ["tensor", "kept"],
                rpc.takes = [["ids", "either", true, ["tensor", "ids"]]]}
// CHECK: func.func private @other()
func.func private @other()
