// RUN: not infc-opt %t.gone 2>&1 | filecheck --check-prefix READ %s
// RUN: not infc-opt %s -o %t.gone/x.mlir 2>&1 | filecheck --check-prefix WRITE %s

// READ: error: {{.*}}.gone cannot be read: {{.*}}No such file
// WRITE: error: {{.*}}x.mlir cannot be written: No such file
func.func @f() { return }
