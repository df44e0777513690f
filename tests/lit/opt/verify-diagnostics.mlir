// RUN: not infc-opt --split-input-file --verify-diagnostics %s 2>&1 | filecheck %s

// An error that nothing expects, one in another place than expected, and one that does not come are errors themselves.
// CHECK-DAG: verify-diagnostics.mlir:[[# @LINE + 1]]:{{.*}} unexpected error: {{.*}} is unknown
one

// -----

// CHECK-DAG: verify-diagnostics.mlir:[[# @LINE + 3]]:{{.*}} unexpected error: {{.*}} is unknown
// CHECK-DAG: verify-diagnostics.mlir:[[# @LINE + 3]]:1: error: expected error 'is unknown' did not come
// expected-error@+2 {{is unknown}}
two

// -----

// CHECK-DAG: verify-diagnostics.mlir:[[# @LINE + 1]]:1: error: expected error 'anything' did not come
// expected-error {{anything}}
