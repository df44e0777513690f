// RUN: infc-opt --verify-diagnostics --pass-pipeline='builtin.module(infer-pack-weight)' %s | filecheck %s

// CHECK: there is no pass 'infer-pack-weight'
