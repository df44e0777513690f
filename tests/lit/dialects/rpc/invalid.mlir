// RUN: infc-opt --split-input-file --verify-diagnostics %s

// expected-error@+1 {{needs a name that is not empty}}
"rpc.service"() ({}) {sym_name = ""} : () -> ()

// -----

// expected-error@+1 {{service 's' holds methods only, not test.other}}
"rpc.service"() ({
"test.other"() : () -> ()
}) {sym_name = "s"} : () -> ()

// -----

// expected-error@+1 {{service 's' has two methods 'm'}}
"rpc.service"() ({
"rpc.method"() {sym_name = "m", function = @f, inputs = [{name = "a", type = tensor<4xf32>}], outputs = []} : () -> ()
"rpc.method"() {sym_name = "m", function = @f, inputs = [{name = "a", type = tensor<4xf32>}], outputs = []} : () -> ()
}) {sym_name = "s"} : () -> ()

// -----

// expected-error@+1 {{method 'm' must stand in an rpc.service, not in builtin.module}}
"rpc.method"() {sym_name = "m", function = @f, inputs = [{name = "a", type = tensor<4xf32>}], outputs = []} : () -> ()

// -----

"rpc.service"() ({
// expected-error@+1 {{'rpc.method' op needs a name that is not empty}}
"rpc.method"() {sym_name = "", function = @f, inputs = [], outputs = []} : () -> ()
}) {sym_name = "s"} : () -> ()

// -----

"rpc.service"() ({
// expected-error@+1 {{method 'm': inputs[0] must be a dictionary with a name and a type}}
"rpc.method"() {sym_name = "m", function = @f, inputs = [1], outputs = []} : () -> ()
}) {sym_name = "s"} : () -> ()

// -----

"rpc.service"() ({
// expected-error@+1 {{inputs[0] needs a name that is not empty}}
"rpc.method"() {sym_name = "m", function = @f, inputs = [{name = "", type = tensor<4xf32>}], outputs = []} : () -> ()
}) {sym_name = "s"} : () -> ()

// -----

"rpc.service"() ({
// expected-error@+1 {{outputs[1] is named 'a', as another one}}
"rpc.method"() {sym_name = "m", function = @f, inputs = [], outputs = [{name = "a", type = tensor<4xf32>}, {name = "a", type = tensor<4xf32>}]} : () -> ()
}) {sym_name = "s"} : () -> ()

// -----

"rpc.service"() ({
// expected-error@+1 {{inputs[0] ('a') needs a tensor's type}}
"rpc.method"() {sym_name = "m", function = @f, inputs = [{name = "a", type = i32}], outputs = []} : () -> ()
}) {sym_name = "s"} : () -> ()

// -----

"rpc.service"() ({
// expected-error@+1 {{needs dims for its 2 dynamic dimensions, got 1}}
"rpc.method"() {sym_name = "m", function = @f, inputs = [{name = "a", type = tensor<?x?xf32>, dims = ["batch[1..2]"]}], outputs = []} : () -> ()
}) {sym_name = "s"} : () -> ()

// -----

"rpc.service"() ({
// expected-error@+1 {{a dynamic dimension is written like batch[1..64], got}}
"rpc.method"() {sym_name = "m", function = @f, inputs = [{name = "a", type = tensor<?xf32>, dims = ["batch[4..2]"]}], outputs = []} : () -> ()
}) {sym_name = "s"} : () -> ()

// -----

"rpc.service"() ({
// expected-error@+1 {{a dynamic dimension is written like batch[1..64], got}}
"rpc.method"() {sym_name = "m", function = @f, inputs = [{name = "a", type = tensor<?xf32>, dims = ["batch"]}], outputs = []} : () -> ()
}) {sym_name = "s"} : () -> ()

// -----

"rpc.service"() ({
"rpc.method"() {sym_name = "m", function = @f, inputs = [{name = "a", type = tensor<4xf32>}], outputs = []} : () -> ()
}) {sym_name = "s"} : () -> ()
func.func @client(%in: tuple<tensor<4xf32>>) {
  // expected-error@+1 {{names its method as @service::@method, got @s}}
  %out = "rpc.call"(%in) {method = @s} : (tuple<tensor<4xf32>>) -> tuple<>
  return
}

// -----

"rpc.service"() ({
"rpc.method"() {sym_name = "m", function = @f, inputs = [{name = "a", type = tensor<4xf32>}], outputs = []} : () -> ()
}) {sym_name = "s"} : () -> ()
func.func @client(%in: tuple<tensor<4xf32>>) {
  // expected-error@+1 {{calls @s::@n, which does not exist}}
  %out = "rpc.call"(%in) {method = @s::@n} : (tuple<tensor<4xf32>>) -> tuple<>
  return
}

// -----

"rpc.service"() ({
"rpc.method"() {sym_name = "m", function = @f, inputs = [{name = "a", type = tensor<4xf32>}], outputs = []} : () -> ()
}) {sym_name = "s"} : () -> ()
func.func @client(%in: tuple<tensor<4xf32>>) {
  // expected-error@+1 {{calls @t::@m, which does not exist}}
  %out = "rpc.call"(%in) {method = @t::@m} : (tuple<tensor<4xf32>>) -> tuple<>
  return
}

// -----

"rpc.service"() ({
"rpc.method"() {sym_name = "m", function = @f, inputs = [{name = "a", type = tensor<4xf32>}], outputs = []} : () -> ()
}) {sym_name = "s"} : () -> ()
func.func @client(%in: tuple<tensor<8xf32>>) {
  // expected-error@+1 {{inputs of @s::@m are (tensor<4xf32>), got (tensor<8xf32>)}}
  %out = "rpc.call"(%in) {method = @s::@m} : (tuple<tensor<8xf32>>) -> tuple<>
  return
}

// -----

"rpc.service"() ({
"rpc.method"() {sym_name = "m", function = @f, inputs = [{name = "a", type = tensor<4xf32>}], outputs = []} : () -> ()
}) {sym_name = "s"} : () -> ()
func.func @client(%in: tuple<tensor<4xf32>>) {
  // expected-error@+1 {{outputs of @s::@m are (), got (f32)}}
  %out = "rpc.call"(%in) {method = @s::@m} : (tuple<tensor<4xf32>>) -> tuple<f32>
  return
}

// -----

"rpc.service"() ({
"rpc.method"() {sym_name = "m", function = @f, inputs = [{name = "a", type = tensor<4xf32>}], outputs = []} : () -> ()
}) {sym_name = "s"} : () -> ()
func.func @client(%in: f32) {
  // expected-error@+1 {{takes one tuple and gives one tuple}}
  %out = "rpc.call"(%in) {method = @s::@m} : (f32) -> tuple<>
  return
}

// -----

"rpc.service"() ({
// expected-error@+1 {{method 'm': inputs[0] ('a'): number must be an integer, got "1"}}
"rpc.method"() {sym_name = "m", function = @f, inputs = [{name = "a", type = tensor<4xf32>, number = "1"}], outputs = []} : () -> ()
}) {sym_name = "s"} : () -> ()

// -----

"rpc.service"() ({
// expected-error@+1 {{method 'm': inputs[0] ('a'): low must be an integer, got 1 : i32}}
"rpc.method"() {sym_name = "m", function = @f, inputs = [{name = "a", type = tensor<4xf32>, low = 1 : i32}], outputs = []} : () -> ()
}) {sym_name = "s"} : () -> ()

// -----

"rpc.service"() ({
// expected-error@+1 {{method 'm': inputs[0] ('a') has the number 19000; a protobuf field has one from 1 to 536870911, without 19000 to 19999}}
"rpc.method"() {sym_name = "m", function = @f, inputs = [{name = "a", type = tensor<4xf32>, number = 19000}], outputs = []} : () -> ()
}) {sym_name = "s"} : () -> ()

// -----

"rpc.service"() ({
// expected-error@+1 {{method 'm': reserved_inputs has the number 1, which a field of inputs has}}
"rpc.method"() {sym_name = "m", function = @f, inputs = [{name = "a", type = tensor<4xf32>, number = 1}], outputs = [], reserved_inputs = [[1, "b"]]} : () -> ()
}) {sym_name = "s"} : () -> ()

// -----

"rpc.service"() ({
// expected-error@+1 {{method 'm': reserved_inputs holds a number and a name each, as [3, "mask"], got}}
"rpc.method"() {sym_name = "m", function = @f, inputs = [{name = "a", type = tensor<4xf32>, number = 1}], outputs = [], reserved_inputs = [["b", 2]]} : () -> ()
}) {sym_name = "s"} : () -> ()

// -----

"rpc.service"() ({
// expected-error@+1 {{method 'm': takes must be a list of texts, numbers and lists, got}}
"rpc.method"() {sym_name = "m", function = @f, inputs = [{name = "a", type = tensor<4xf32>, number = 1}], outputs = [], takes = [unit]} : () -> ()
}) {sym_name = "s"} : () -> ()

// -----

"rpc.service"() ({
// expected-error@+1 {{method 'm': dims are written like batch[1..64], got}}
"rpc.method"() {sym_name = "m", function = @f, inputs = [{name = "a", type = tensor<4xf32>, number = 1}], outputs = [], dims = ["batch"]} : () -> ()
}) {sym_name = "s"} : () -> ()

// -----

"rpc.service"() ({
// expected-error@+1 {{method 'm': doc must be a text}}
"rpc.method"() {sym_name = "m", function = @f, inputs = [{name = "a", type = tensor<4xf32>, number = 1}], outputs = [], doc = 1} : () -> ()
}) {sym_name = "s"} : () -> ()

// -----

"rpc.service"() ({
// expected-error@+1 {{method 'm': outputs[1] ('b') has the number 2, as another one}}
"rpc.method"() {sym_name = "m", function = @f, inputs = [], outputs = [{name = "a", type = tensor<4xf32>, number = 2}, {name = "b", type = tensor<4xf32>, number = 2}]} : () -> ()
}) {sym_name = "s"} : () -> ()
