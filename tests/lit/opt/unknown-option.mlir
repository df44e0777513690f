// RUN: not infc-opt --pass-pipeline='builtin.module(infer-pack-weights{tile=4})' %s 2>&1 | filecheck %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-pack-weights{m0=four})' %s 2>&1 | filecheck --check-prefix VALUE %s

// RUN: not infc-opt --pass-pipeline='builtin.module(infer-pack-weights{k0=0})' %s 2>&1 | filecheck --check-prefix RANGE %s

// CHECK: pass infer-pack-weights has no option 'tile=4'
// VALUE: pass infer-pack-weights: option m0 takes an integer, got 'four'
// RANGE: pass infer-pack-weights: option k0 is 0, expected 1 to 256
