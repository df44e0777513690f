// RUN: not infc-opt %s 2>&1 | filecheck %s

// CHECK: error: {{.*}}not-mlir.mlir:4:1: custom op 'this' is unknown
this is not a module
