// RUN: not infc-opt --pass-pipeline='builtin.module(infer-pack-weight)' %s 2>&1 | filecheck %s

// CHECK: there is no pass 'infer-pack-weight'
