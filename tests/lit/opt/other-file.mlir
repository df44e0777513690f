// What the IR says of another file is told as that file's place, not as one of this text.
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-raise-weights)' %s 2>&1 | filecheck %s

func.func @f() -> tensor<4xf32> {
  %0 = arith.constant dense_resource<w> : tensor<4xf32> loc("model.py":7:3)
  return %0 : tensor<4xf32>
}

// CHECK: error: model.py:7:3: infer-raise-weights: resource 'w' has no entry
