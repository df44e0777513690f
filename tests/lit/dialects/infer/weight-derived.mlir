// RUN: infc-opt %s | infc-opt | filecheck %s

// CHECK-LABEL: func.func @derived
func.func @derived() -> tensor<3x20xf16> {
  // CHECK: key = "a|permute[1,0]|cast[f16]"{{.*}} source = "a", transforms = ["permute[1,0]", "cast[f16]"]} : () -> tensor<3x20xf16>
  %w = "infer.weight"() {key = "a|permute[1,0]|cast[f16]", digest = "sha256:0", source = "a",
                         transforms = ["permute[1,0]", "cast[f16]"], layout = "row_major",
                         logical = tensor<3x20xf16>} : () -> tensor<3x20xf16>
  return %w : tensor<3x20xf16>
}

// The layout may stand behind the recipe, as it does where a slab holds the weight in several.
// CHECK-LABEL: func.func @named_by_layout
func.func @named_by_layout() -> tensor<1x20x16x1xf16> {
  // CHECK: key = "a|cast[f16]@mmt4d[16,1]"
  %w = "infer.weight"() {key = "a|cast[f16]@mmt4d[16,1]", digest = "sha256:0", source = "a", transforms = ["cast[f16]"],
                         layout = "mmt4d[16,1]", logical = tensor<3x20xf16>} : () -> tensor<1x20x16x1xf16>
  return %w : tensor<1x20x16x1xf16>
}
