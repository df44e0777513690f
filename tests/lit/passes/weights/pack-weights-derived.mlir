// RUN: infc-opt --pass-pipeline='builtin.module(infer-pack-weights)' %s | filecheck %s
// RUN: infc-opt --pass-pipeline='builtin.module(infer-pack-weights{by-layout=1})' %s | filecheck --check-prefix NAMED %s
// RUN: infc-opt --pass-pipeline='builtin.module(infer-pack-weights{by-layout=1},infer-quantize-weights{at-least=64 group=0})' %s | filecheck --check-prefix INTEGERS %s

// A weight that is computed from another stays so when it is packed; the layout's name comes last.
// CHECK-LABEL: func.func @derived
func.func @derived(%x: tensor<32x6xf32>) -> tensor<32x16xf32> {
  // CHECK: key = "a|permute[1,0]", layout = "mmt4d[16,1t]", logical = tensor<6x16xf32>, source = "a", transforms = ["permute[1,0]"]} : () -> tensor<1x6x16x1xf32>
  // NAMED: key = "a|permute[1,0]@mmt4d[16,1t]", layout = "mmt4d[16,1t]"{{.*}} source = "a", transforms = ["permute[1,0]"]}
  // INTEGERS: key = "a|permute[1,0]|permute[1,0]|quantize[q,8,6,sym]@mmt4d[16,1]", layout = "mmt4d[16,1]"{{.*}} source = "a",
  // INTEGERS: key = "a|permute[1,0]|permute[1,0]|quantize[scale,8,6,sym]@mmt4d[16,1]"
  %w = "infer.weight"() {key = "a|permute[1,0]", digest = "sha256:1", source = "a", transforms = ["permute[1,0]"],
                         layout = "row_major", logical = tensor<6x16xf32>} : () -> tensor<6x16xf32>
  %zero = arith.constant 0.0 : f32
  %o = tensor.empty() : tensor<32x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%o : tensor<32x16xf32>) -> tensor<32x16xf32>
  %y = linalg.matmul ins(%x, %w : tensor<32x6xf32>, tensor<6x16xf32>) outs(%f : tensor<32x16xf32>) -> tensor<32x16xf32>
  return %y : tensor<32x16xf32>
}
