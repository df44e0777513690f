// RUN: infc-opt --verify-diagnostics --pass-pipeline='builtin.module(infer-pack-weights{tile=4})' %s | filecheck %s
// RUN: infc-opt --verify-diagnostics --pass-pipeline='builtin.module(infer-pack-weights{m0=four})' %s | filecheck --check-prefix VALUE %s

// RUN: infc-opt --verify-diagnostics --pass-pipeline='builtin.module(infer-pack-weights{k0=0})' %s | filecheck --check-prefix RANGE %s

// CHECK: pass infer-pack-weights has no option 'tile=4'
// VALUE: pass infer-pack-weights: option m0 takes an integer, got 'four'
// RANGE: pass infer-pack-weights: option k0 is 0, expected 1 to 256
