// RUN: infc-opt --verify-diagnostics --pass-pipeline='builtin.module(infer-outline-stages)' %s

func.func private @f_s()

func.func @f(%t: tuple<f32>) -> tuple<f32> {
  // expected-error@+1 {{infer-outline-stages: stage 's' of @f: there is a function @f_s}}
  %r = "infer.stage"(%t) ({
  ^bb0(%x: f32):
    %y = builtin.unrealized_conversion_cast %x : f32 to tuple<f32>
    "infer.yield"(%y) : (tuple<f32>) -> ()
  }) {stage = "s", placement = "cpu0"} : (tuple<f32>) -> tuple<f32>
  return %r : tuple<f32>
}
