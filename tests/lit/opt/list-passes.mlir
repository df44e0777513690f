// RUN: infc-opt --list-passes | filecheck %s

// CHECK: infer-pack-weights {{.*}}Turn `matmul(x, weight)`
// CHECK-NEXT: m0: int (default 16)
