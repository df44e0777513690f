// RUN: infc-opt --split-input-file --verify-diagnostics %s

// expected-error@+1 {{'infer.weight' op needs a key that is not empty}}
%w = "infer.weight"() {key = "", digest = "sha256:0", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>

// -----

// expected-error@+1 {{weight 'a': unknown weight layout 'blocked'}}
%w = "infer.weight"() {key = "a", digest = "sha256:0", layout = "blocked", logical = tensor<4xf32>} : () -> tensor<4xf32>

// -----

// expected-error@+1 {{logical type must be a tensor of static shape, got tensor<?xf32>}}
%w = "infer.weight"() {key = "a", digest = "sha256:0", layout = "row_major", logical = tensor<?xf32>} : () -> tensor<4xf32>

// -----

// expected-error@+1 {{logical type must be a tensor of static shape, got f32}}
%w = "infer.weight"() {key = "a", digest = "sha256:0", layout = "row_major", logical = f32} : () -> tensor<4xf32>

// -----

// expected-error@+1 {{packs a matrix, not a tensor of rank 1}}
%w = "infer.weight"() {key = "a", digest = "sha256:0", layout = "mmt4d[16,1]", logical = tensor<20xf32>} : () -> tensor<20xf32>

// -----

// expected-error@+1 {{layout "mmt4d[16,1]" of tensor<20x3xf32> has shape 2x3x16x1, the result is tensor<2x3x8x1xf32>}}
%w = "infer.weight"() {key = "a", digest = "sha256:0", layout = "mmt4d[16,1]", logical = tensor<20x3xf32>} : () -> tensor<2x3x8x1xf32>

// -----

// expected-error@+1 {{weight 'a': the elements of tensor<4xf32> are f16 in the slab}}
%w = "infer.weight"() {key = "a", digest = "sha256:0", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf16>

// -----

// expected-error@+1 {{attribute "digest" is expected but not provided}}
%w = "infer.weight"() {key = "a", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>

// -----

// expected-error@+1 {{expected base attribute 'builtin.string'}}
%w = "infer.weight"() {key = 1 : i32, digest = "sha256:0", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>

// -----

// expected-error@+1 {{expected base type 'builtin.tensor'}}
%w = "infer.weight"() {key = "a", digest = "sha256:0", layout = "row_major", logical = tensor<4xf32>} : () -> f32

// -----

// expected-error@+1 {{weight 'a': source and transforms come together, there is only source}}
%w = "infer.weight"() {key = "a", source = "a", digest = "sha256:0", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>

// -----

// expected-error@+1 {{source must be a string and transforms an array of strings}}
%w = "infer.weight"() {key = "a", source = 1 : i32, transforms = ["cast[f32]"], digest = "sha256:0", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>

// -----

// expected-error@+1 {{transforms must be an array of at least one string}}
%w = "infer.weight"() {key = "a", source = "a", transforms = [], digest = "sha256:0", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>

// -----

// expected-error@+1 {{unknown weight transform 'shuffle[1]'}}
%w = "infer.weight"() {key = "a", source = "a", transforms = ["shuffle[1]"], digest = "sha256:0", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>

// -----

// expected-error@+1 {{weight transform 'permute[x]' is not permute[axes]}}
%w = "infer.weight"() {key = "a", source = "a", transforms = ["permute[x]"], digest = "sha256:0", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>

// -----

// expected-error@+1 {{a weight derived like this has the key 'b|cast[f32]'}}
%w = "infer.weight"() {key = "a", source = "b", transforms = ["cast[f32]"], digest = "sha256:0", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>
