// RUN: infc-opt --split-input-file --verify-diagnostics --pass-pipeline='builtin.module(infer-lower-weights)' %s

// One parameter cannot hold two tensors, be they of one type.
func.func @contents() -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = "infer.weight"() {key = "a.b", digest = "sha256:1", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>
  // expected-error@below {{infer-lower-weights: two weights have the key 'a.b': sha256:1 as tensor<4xf32> in row_major, and sha256:2 as tensor<4xf32> in row_major}}
  %1 = "infer.weight"() {key = "a.b", digest = "sha256:2", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
}

// -----

// In two functions as well: they share the parameters.
func.func @one() -> tensor<4xf32> {
  %0 = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
func.func @other() -> tensor<4xi32> {
  // expected-error@below {{two weights have the key 'w': sha256:1 as tensor<4xf32> in row_major, and sha256:2 as tensor<4xi32> in row_major}}
  %0 = "infer.weight"() {key = "w", digest = "sha256:2", layout = "row_major", logical = tensor<4xi32>} : () -> tensor<4xi32>
  return %0 : tensor<4xi32>
}
