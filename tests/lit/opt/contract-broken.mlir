// RUN: not infc-opt --pass-pipeline='builtin.module(infer-lower-weights,infer-quantize-weights,infer-verify-contract{level=2})' %s 2>&1 | filecheck --check-prefix ORDER %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-verify-contract{level=3})' %s 2>&1 | filecheck --check-prefix LEVEL %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-verify-contract{level=one})' %s 2>&1 | filecheck --check-prefix TYPE %s
// RUN: not infc-opt --pass-pipeline='sise' %s 2>&1 | filecheck --check-prefix NAME %s

// Passes in an order that leaves out what a contract asks for: the contract says which part is missing.
// ORDER: error: {{.*}}contract 2: there is no stage
// ORDER: hint: infer-partition, then infer-outline-stages
// LEVEL: there is no contract 3
// TYPE: option level takes an integer, got 'one'
// NAME: error: not a pass pipeline: 'sise'
func.func @f() -> tensor<4xf32> {
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>
  return %w : tensor<4xf32>
}
