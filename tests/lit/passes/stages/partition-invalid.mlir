// RUN: not infc-opt --pass-pipeline='builtin.module(infer-partition{})' %s 2>&1 | filecheck --check-prefix NONE %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-partition{stages=2})' %s 2>&1 | filecheck --check-prefix MANY %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-partition{stages=1 memory=20})' %s 2>&1 | filecheck --check-prefix MEMORY %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-partition{memory=20 placements=gpu7})' %s 2>&1 | filecheck --check-prefix NAMED %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-partition{memory=20})' %s 2>&1 | filecheck --check-prefix FEWEST %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-partition{memory=much})' %s 2>&1 | filecheck --check-prefix SIZE %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-partition{stages=1 placements=a,b})' %s 2>&1 | filecheck --check-prefix NAMES %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-partition{placements=a,a})' %s 2>&1 | filecheck --check-prefix TWICE %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-partition{split=layr.0:gpu0;*:cpu0})' %s 2>&1 | filecheck --check-prefix NEAR %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-partition{split=layer.0:gpu0})' %s 2>&1 | filecheck --check-prefix REST %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-partition{split=*:cpu0 stages=2})' %s 2>&1 | filecheck --check-prefix BOTH %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-partition{stages=1 flops=fast})' %s 2>&1 | filecheck --check-prefix SPEED %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-partition{stages=1 link=0})' %s 2>&1 | filecheck --check-prefix LINK %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-partition{stages=1 link=1GB,2GB})' %s 2>&1 | filecheck --check-prefix LINKS %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-partition{link=1GB})' %s 2>&1 | filecheck --check-prefix NONE %s
// RUN: not infc-opt --pass-pipeline='builtin.module(infer-partition{stages=-1})' %s 2>&1 | filecheck --check-prefix NEGATIVE %s

// NONE: error: {{.*}}infer-partition: nothing says how many stages there are to be
// MANY: error: {{.*}}infer-partition: 1 nodes cannot be cut into 2 stages
// MEMORY: error: {{.*}}infer-partition: @small does not fit: device0 has 20 bytes and lacks 28, whatever the cuts
// NAMED: error: {{.*}}infer-partition: @small does not fit: gpu7 has 20 bytes and lacks 28
// FEWEST: error: {{.*}}infer-partition: @small does not fit: device has 20 bytes and lacks 28
// SIZE: error: {{.*}}infer-partition: 'much' is no size, expected a number of bytes like 512MiB
// NAMES: error: {{.*}}infer-partition: 1 stages and 2 placements
// TWICE: error: {{.*}}infer-partition: placements must differ and not be empty, got a, a
// NEAR: error: {{.*}}infer-partition: there is no module 'layr.0' that computes anything
// NEAR: hint: did you mean layer.0
// REST: error: {{.*}}infer-partition: the last rule must say where the rest goes
// SPEED: error: {{.*}}infer-partition: 'fast' is no speed, expected operations a second like 50e9
// LINK: error: {{.*}}infer-partition: '0' is no size, expected a number of bytes like 512MiB
// LINKS: error: {{.*}}infer-partition: 1 stages and 2 links
// NEGATIVE: error: {{.*}}infer-partition: nothing says how many stages there are to be
// BOTH: error: {{.*}}infer-partition: split says all of it, without stages, memory, placements and their speeds

func.func @small(%x: tensor<4xf32>) -> tensor<4xf32> {
  %w = "infer.weight"() {key = "layer.0.weight", digest = "sha256:0", layout = "row_major", logical = tensor<4xf32>} : () -> tensor<4xf32>
  %y = arith.addf %x, %w : tensor<4xf32>
  return %y : tensor<4xf32>
}
