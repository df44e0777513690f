// RUN: infc-opt --verify-diagnostics --pass-pipeline='builtin.module(canonicalize' %s | filecheck --check-prefix OPEN %s
// RUN: infc-opt --verify-diagnostics --pass-pipeline='canonicalize),(cse' %s | filecheck --check-prefix CROSSED %s
// RUN: infc-opt --verify-diagnostics --pass-pipeline='no-such-pass' %s | filecheck --check-prefix UPSTREAM %s

// OPEN: not a pass pipeline: {{.*}}the parenthesis after builtin.module is not closed
// CROSSED: not a pass pipeline: {{.*}}unbalanced ')'
// UPSTREAM: not a pass pipeline: 'no-such-pass'
