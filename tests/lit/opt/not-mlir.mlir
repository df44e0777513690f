// RUN: infc-opt --verify-diagnostics %s | filecheck %s

// CHECK: Unable to parse module assembly
this is not a module
