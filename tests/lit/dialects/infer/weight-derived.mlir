// RUN: infc-opt %s | infc-opt | filecheck %s

// CHECK-LABEL: func.func @derived
func.func @derived() -> tensor<3x20xf16> {
  // CHECK: key = "a|permute[1,0]|cast[f16]"{{.*}} source = "a", transforms = ["permute[1,0]", "cast[f16]"]} : () -> tensor<3x20xf16>
  %w = "infer.weight"() {key = "a|permute[1,0]|cast[f16]", digest = "sha256:0", source = "a",
                         transforms = ["permute[1,0]", "cast[f16]"], layout = "row_major",
                         logical = tensor<3x20xf16>} : () -> tensor<3x20xf16>
  return %w : tensor<3x20xf16>
}
