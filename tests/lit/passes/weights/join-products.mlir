// RUN: infc-opt --pass-pipeline='builtin.module(infer-join-products)' %s | filecheck %s

// CHECK-LABEL: func.func @joined
// CHECK: %[[W:.*]] = "infer.weight"() {{.*}}key = "q|concat[0,48,k]", layout = "mmt4d[16,1]", logical = tensor<48x3xf32>, source = "q", transforms = ["concat[0,48,k]"]{{.*}} -> tensor<3x3x16x1xf32>
// CHECK: %[[Y:.*]] = linalg.mmt4d ins(%{{.*}}, %[[W]] : tensor<1x3x1x1xf32>, tensor<3x3x16x1xf32>) {{.*}} -> tensor<1x3x1x16xf32>
// CHECK: %[[Q:.*]] = tensor.extract_slice %[[Y]][0, 0, 0, 0] [1, 2, 1, 16] [1, 1, 1, 1]
// CHECK: %[[K:.*]] = tensor.extract_slice %[[Y]][0, 2, 0, 0] [1, 1, 1, 16] [1, 1, 1, 1]
// CHECK: %[[V:.*]] = linalg.mmt4d
// CHECK: return %[[Q]], %[[K]], %[[V]]
func.func @joined(%x: tensor<1x3x1x1xf32>) -> (tensor<1x2x1x16xf32>, tensor<1x1x1x16xf32>, tensor<1x1x1x16xf32>) {
  %c = arith.constant 0.0 : f32
  %e2 = tensor.empty() : tensor<1x2x1x16xf32>
  %e1 = tensor.empty() : tensor<1x1x1x16xf32>
  %z2 = linalg.fill ins(%c : f32) outs(%e2 : tensor<1x2x1x16xf32>) -> tensor<1x2x1x16xf32>
  %z1 = linalg.fill ins(%c : f32) outs(%e1 : tensor<1x1x1x16xf32>) -> tensor<1x1x1x16xf32>
  %wq = "infer.weight"() {key = "q", digest = "sha256:1", layout = "mmt4d[16,1]", logical = tensor<32x3xf32>} : () -> tensor<2x3x16x1xf32>
  %q = linalg.mmt4d ins(%x, %wq : tensor<1x3x1x1xf32>, tensor<2x3x16x1xf32>) outs(%z2 : tensor<1x2x1x16xf32>) -> tensor<1x2x1x16xf32>
  %wk = "infer.weight"() {key = "k", digest = "sha256:2", layout = "mmt4d[16,1]", logical = tensor<16x3xf32>} : () -> tensor<1x3x16x1xf32>
  %k = linalg.mmt4d ins(%x, %wk : tensor<1x3x1x1xf32>, tensor<1x3x16x1xf32>) outs(%z1 : tensor<1x1x1x16xf32>) -> tensor<1x1x1x16xf32>
  // Its last tile is padded: behind it there is no place for another's rows.
  %wv = "infer.weight"() {key = "v", digest = "sha256:3", layout = "mmt4d[16,1]", logical = tensor<9x3xf32>} : () -> tensor<1x3x16x1xf32>
  %v = linalg.mmt4d ins(%x, %wv : tensor<1x3x1x1xf32>, tensor<1x3x16x1xf32>) outs(%z1 : tensor<1x1x1x16xf32>) -> tensor<1x1x1x16xf32>
  return %q, %k, %v : tensor<1x2x1x16xf32>, tensor<1x1x1x16xf32>, tensor<1x1x1x16xf32>
}

// CHECK-LABEL: func.func @transposed
// CHECK: key = "a|concat[1,32,b]", layout = "mmt4d[16,1t]", logical = tensor<3x32xf32>
func.func @transposed(%x: tensor<1x3x1x1xf32>) -> (tensor<1x1x1x16xf32>, tensor<1x1x1x16xf32>) {
  %c = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x1x1x16xf32>
  %z = linalg.fill ins(%c : f32) outs(%e : tensor<1x1x1x16xf32>) -> tensor<1x1x1x16xf32>
  %wa = "infer.weight"() {key = "a", digest = "sha256:1", layout = "mmt4d[16,1t]", logical = tensor<3x16xf32>} : () -> tensor<1x3x16x1xf32>
  %a = linalg.mmt4d ins(%x, %wa : tensor<1x3x1x1xf32>, tensor<1x3x16x1xf32>) outs(%z : tensor<1x1x1x16xf32>) -> tensor<1x1x1x16xf32>
  %wb = "infer.weight"() {key = "b", digest = "sha256:2", layout = "mmt4d[16,1t]", logical = tensor<3x16xf32>} : () -> tensor<1x3x16x1xf32>
  %b = linalg.mmt4d ins(%x, %wb : tensor<1x3x1x1xf32>, tensor<1x3x16x1xf32>) outs(%z : tensor<1x1x1x16xf32>) -> tensor<1x1x1x16xf32>
  return %a, %b : tensor<1x1x1x16xf32>, tensor<1x1x1x16xf32>
}

// Several rows of tiles, weights that others read or that are called after their layouts, and other inputs stay.
// CHECK-LABEL: func.func @alone
// CHECK-NOT: concat
// CHECK: return
func.func @alone(%x: tensor<2x3x16x1xf32>, %y: tensor<1x3x16x1xf32>, %i: tensor<1x1x16x16xf32>) -> (tensor<2x1x16x16xf32>, tensor<2x1x16x16xf32>, tensor<1x1x16x16xf32>, tensor<1x1x16x16xf32>, tensor<1x1x16x16xf32>, tensor<1x3x16x1xf32>) {
  %c = arith.constant 0.0 : f32
  %e2 = tensor.empty() : tensor<2x1x16x16xf32>
  %e1 = tensor.empty() : tensor<1x1x16x16xf32>
  %z2 = linalg.fill ins(%c : f32) outs(%e2 : tensor<2x1x16x16xf32>) -> tensor<2x1x16x16xf32>
  %z1 = linalg.fill ins(%c : f32) outs(%e1 : tensor<1x1x16x16xf32>) -> tensor<1x1x16x16xf32>
  %w1 = "infer.weight"() {key = "a", digest = "sha256:1", layout = "mmt4d[16,1]", logical = tensor<16x3xf32>} : () -> tensor<1x3x16x1xf32>
  %a = linalg.mmt4d ins(%x, %w1 : tensor<2x3x16x1xf32>, tensor<1x3x16x1xf32>) outs(%z2 : tensor<2x1x16x16xf32>) -> tensor<2x1x16x16xf32>
  %w2 = "infer.weight"() {key = "b", digest = "sha256:2", layout = "mmt4d[16,1]", logical = tensor<16x3xf32>} : () -> tensor<1x3x16x1xf32>
  %b = linalg.mmt4d ins(%x, %w2 : tensor<2x3x16x1xf32>, tensor<1x3x16x1xf32>) outs(%z2 : tensor<2x1x16x16xf32>) -> tensor<2x1x16x16xf32>
  %w3 = "infer.weight"() {key = "c", digest = "sha256:3", layout = "mmt4d[16,1]", logical = tensor<16x3xf32>} : () -> tensor<1x3x16x1xf32>
  %d = linalg.mmt4d ins(%y, %w3 : tensor<1x3x16x1xf32>, tensor<1x3x16x1xf32>) outs(%z1 : tensor<1x1x16x16xf32>) -> tensor<1x1x16x16xf32>
  %w4 = "infer.weight"() {key = "d@mmt4d[16,1]", digest = "sha256:4", layout = "mmt4d[16,1]", logical = tensor<16x3xf32>} : () -> tensor<1x3x16x1xf32>
  %f = linalg.mmt4d ins(%y, %w4 : tensor<1x3x16x1xf32>, tensor<1x3x16x1xf32>) outs(%z1 : tensor<1x1x16x16xf32>) -> tensor<1x1x16x16xf32>
  %w5 = "infer.weight"() {key = "e", digest = "sha256:5", layout = "mmt4d[16,1]", logical = tensor<16x3xf32>} : () -> tensor<1x3x16x1xf32>
  %g = linalg.mmt4d ins(%y, %w5 : tensor<1x3x16x1xf32>, tensor<1x3x16x1xf32>) outs(%i : tensor<1x1x16x16xf32>) -> tensor<1x1x16x16xf32>
  return %a, %b, %d, %f, %g, %w3 : tensor<2x1x16x16xf32>, tensor<2x1x16x16xf32>, tensor<1x1x16x16xf32>, tensor<1x1x16x16xf32>, tensor<1x1x16x16xf32>, tensor<1x3x16x1xf32>
}
