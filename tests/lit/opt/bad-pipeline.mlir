// RUN: not infc-opt --pass-pipeline='builtin.module(canonicalize' %s 2>&1 | filecheck --check-prefix OPEN %s
// RUN: not infc-opt --pass-pipeline='canonicalize),(cse' %s 2>&1 | filecheck --check-prefix CROSSED %s
// RUN: not infc-opt --pass-pipeline='no-such-pass' %s 2>&1 | filecheck --check-prefix UPSTREAM %s

// OPEN: not a pass pipeline: {{.*}}the parenthesis after builtin.module is not closed
// CROSSED: not a pass pipeline: {{.*}}unbalanced ')'
// UPSTREAM: not a pass pipeline: 'no-such-pass'
