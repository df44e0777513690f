// RUN: infc-opt --pass-pipeline='builtin.module(infer-pack-weights)' %s | filecheck %s
// RUN: infc-opt --pass-pipeline='builtin.module(infer-pack-weights{m0=4 n0=8 k0=2})' %s | filecheck --check-prefix OPTIONS %s
// RUN: infc-opt --pass-pipeline='builtin.module(infer-pack-weights{by-layout=1})' %s | filecheck --check-prefix NAMED %s

// A linear layer: the weight lies as [N, K] and is read transposed. 20 outputs fill two tiles of 16, the rest is padding.
// CHECK-LABEL: func.func @linear
// OPTIONS-LABEL: func.func @linear
// NAMED: key = "w@mmt4d[16,1]"
func.func @linear(%x: tensor<32x6xf32>) -> tensor<32x20xf32> {
  // CHECK: %[[W:.*]] = "infer.weight"() {{.*}}layout = "mmt4d[16,1]", logical = tensor<20x6xf32>} : () -> tensor<2x6x16x1xf32>
  // OPTIONS: layout = "mmt4d[8,2]"{{.*}} -> tensor<3x3x8x2xf32>
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<20x6xf32>} : () -> tensor<20x6xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<6x20xf32>
  %t = linalg.transpose ins(%w : tensor<20x6xf32>) outs(%e : tensor<6x20xf32>) permutation = [1, 0]
  %o = tensor.empty() : tensor<32x20xf32>
  %f = linalg.fill ins(%zero : f32) outs(%o : tensor<32x20xf32>) -> tensor<32x20xf32>
  // CHECK-NOT: linalg.transpose
  // CHECK: %[[X:.*]] = linalg.pack %{{.*}} inner_dims_pos = [0, 1] inner_tiles = [16, 1] into {{.*}} tensor<32x6xf32> -> tensor<2x6x16x1xf32>
  // CHECK: %[[Y:.*]] = linalg.mmt4d ins(%[[X]], %[[W]] : tensor<2x6x16x1xf32>, tensor<2x6x16x1xf32>) {{.*}} -> tensor<2x2x16x16xf32>
  // CHECK: %[[R:.*]] = linalg.unpack %[[Y]] inner_dims_pos = [0, 1] inner_tiles = [16, 16] into {{.*}} -> tensor<32x20xf32>
  // CHECK-NOT: linalg.matmul
  // OPTIONS: linalg.pack {{.*}} inner_tiles = [4, 2] into {{.*}} -> tensor<8x3x4x2xf32>
  // OPTIONS: linalg.unpack {{.*}} inner_tiles = [4, 8]
  %y = linalg.matmul ins(%x, %t : tensor<32x6xf32>, tensor<6x20xf32>) outs(%f : tensor<32x20xf32>) -> tensor<32x20xf32>
  // CHECK: return %[[R]]
  return %y : tensor<32x20xf32>
}

// As it lies, [K, N]; three rows take a tile of four, with padding.
// CHECK-LABEL: func.func @as_it_lies
func.func @as_it_lies(%x: tensor<3x6xf32>) -> tensor<3x16xf32> {
  // CHECK: layout = "mmt4d[16,1t]", logical = tensor<6x16xf32>} : () -> tensor<1x6x16x1xf32>
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<6x16xf32>} : () -> tensor<6x16xf32>
  %zero = arith.constant 0.0 : f32
  %o = tensor.empty() : tensor<3x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%o : tensor<3x16xf32>) -> tensor<3x16xf32>
  // CHECK: linalg.pack %{{.*}} padding_value({{.*}}) inner_dims_pos = [0, 1] inner_tiles = [4, 1]
  %y = linalg.matmul ins(%x, %w : tensor<3x6xf32>, tensor<6x16xf32>) outs(%f : tensor<3x16xf32>) -> tensor<3x16xf32>
  return %y : tensor<3x16xf32>
}

// Any number of rows: the tiles are counted when the model runs, and the last one is padded.
// CHECK-LABEL: func.func @dynamic_rows
func.func @dynamic_rows(%x: tensor<?x6xf32>, %o: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %w = "infer.weight"() {key = "w", digest = "sha256:1", layout = "row_major", logical = tensor<6x16xf32>} : () -> tensor<6x16xf32>
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%o : tensor<?x16xf32>) -> tensor<?x16xf32>
  // CHECK: %[[M:.*]] = tensor.dim %{{.*}}, %{{.*}} : tensor<?x6xf32>
  // CHECK: %[[TILES:.*]] = arith.ceildivui %[[M]], %{{.*}} : index
  // CHECK: linalg.pack %{{.*}} padding_value(%{{.*}} : f32) inner_dims_pos = [0, 1] inner_tiles = [16, 1] into %{{.*}} : tensor<?x6xf32> -> tensor<?x6x16x1xf32>
  // CHECK: linalg.mmt4d {{.*}} -> tensor<?x1x16x16xf32>
  // CHECK: linalg.unpack {{.*}} -> tensor<?x16xf32>
  %y = linalg.matmul ins(%x, %w : tensor<?x6xf32>, tensor<6x16xf32>) outs(%f : tensor<?x16xf32>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}
