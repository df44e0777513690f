"""A model of several stages, made without infc's compiler: `y = 2x` and `z = 2x + poked`, where poked is 2x with 7 in
its first place, written by a module that writes into its input.

`x`, `y` and `z` are f32[4]; the first stage fails on a negative x[0].
"""

import platform
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from threading import Event, Semaphore

import numpy as np
import pytest

from infc import __version__
from infc.runtime.artifact import (
    MODULE_MEDIA_TYPE,
    SCHEMA_VERSION,
    ArtifactWriter,
    Config,
    Cost,
    Edge,
    Interface,
    Method,
    ModuleBuild,
    Ref,
    Stage,
    StageBuild,
    Step,
    TargetBuild,
    TensorSpec,
    Toolchain,
    Wiring,
)
from infc.runtime.loaded import LoadedStage

from support.artifacts import REPORT, compile_mlir
from support.pool import PATIENCE
from support.signatures import returns, takes

FLOATS = Edge(dtype="f32", shape=(4,))
METHOD = Method(
    name="main",
    inputs=(TensorSpec(name="x", dtype="f32", shape=(4,)),),
    outputs=tuple(TensorSpec(name=name, dtype="f32", shape=(4,)) for name in "yz"),
    takes=takes("x"),
    returns=returns("tuple", ["y", "z"]),
)

_CODE = {
    "double": """
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %i = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %first = tensor.extract %x[%i] : tensor<4xf32>
  %fine = arith.cmpf oge, %first, %zero : f32
  cf.assert %fine, "the first is negative"
  %y = arith.addf %x, %x : tensor<4xf32>
  return %y : tensor<4xf32>
}
""",
    "poke": """
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %seven = arith.constant dense<7.0> : tensor<1xf32>
  %y = tensor.insert_slice %seven into %x[0][1][1] : tensor<1xf32> into tensor<4xf32>
  return %y : tensor<4xf32>
}
""",
    "sum": """
func.func @main(%a: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<4xf32> {
  %y = arith.addf %a, %b : tensor<4xf32>
  return %y : tensor<4xf32>
}
""",
}

WIRING = Wiring(
    method="main",
    steps=(
        Step(stage="double", inputs=(Ref(stage="", number=0),), outputs=(FLOATS,)),
        Step(stage="poke", inputs=(Ref(stage="double", number=0),), outputs=(FLOATS,)),
        Step(stage="sum", inputs=(Ref(stage="double", number=0), Ref(stage="poke", number=0)), outputs=(FLOATS,)),
    ),
    outputs=(Ref(stage="double", number=0), Ref(stage="sum", number=0)),
)


# For `double`: it looks up each element's element in `x`, so that one far from 0 to 3 is a segmentation fault.
UNBOUNDED = """
#same = affine_map<(i) -> (i)>
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<4xf32>
  %y = linalg.generic {indexing_maps = [#same, #same], iterator_types = ["parallel"]}
      ins(%x : tensor<4xf32>) outs(%empty : tensor<4xf32>) {
  ^bb0(%each: f32, %out: f32):
    %whole = arith.fptosi %each : f32 to i64
    %at = arith.index_cast %whole : i64 to index
    %found = tensor.extract %x[%at] : tensor<4xf32>
    %nothing = arith.mulf %found, %zero : f32
    %twice = arith.addf %each, %each : f32
    %sum = arith.addf %twice, %nothing : f32
    linalg.yield %sum : f32
  } -> tensor<4xf32>
  return %y : tensor<4xf32>
}
"""


def write_staged_artifact(path: Path, wiring: Wiring = WIRING, first: str = _CODE["double"]) -> Path:
    """The model, for the CPU, each stage in a placement of its own: p0, p1, p2. `first` is the code of `double`."""
    with ArtifactWriter(path) as writer:
        empty = writer.add_slab(())
        stages: list[StageBuild] = []
        for name, text in (_CODE | {"double": first}).items():
            code = compile_mlir(text)
            module = ModuleBuild(method="main", module=writer.add_blob(code, MODULE_MEDIA_TYPE), size=len(code))
            stages.append(
                StageBuild(
                    stage=name,
                    target="cpu",
                    device="local-task",
                    machine=platform.machine(),
                    features=(),
                    modules=(module,),
                    slab=empty,
                )
            )
        writer.finish(
            Config(
                schema_version=SCHEMA_VERSION,
                name="staged",
                source="sha256:" + "0" * 64,
                toolchain=Toolchain(infc=__version__, torch="", torch_mlir="", iree=version("iree-base-runtime")),
                interface=Interface(methods=(METHOD,)),
                stages=tuple(Stage(name=name, placement=f"p{place}") for place, name in enumerate(_CODE)),
                wiring=(wiring,),
                targets=(TargetBuild(target="cpu", stages=tuple(stages), verify=REPORT, skipped=False),),
                memory_plan=(),
                cost=Cost(flops=0, bytes_touched=0, activation_peak=0),
            )
        )
    return path


def check(outputs: dict[str, np.ndarray], x: np.ndarray) -> None:
    """Whether that is what the model says about `x`."""
    poked = 2 * x
    poked[0] = 7
    assert np.array_equal(outputs["y"], 2 * x)
    assert np.array_equal(outputs["z"], 2 * x + poked)


@dataclass
class Gate:
    """Holds calls in the second stage, `poke`, until `go` is set.

    `inside` is set when one is there, `doubled` counts those that have been through the first stage, `double`, and
    `seen` has the stages in the order in which they ran.
    """

    inside: Event = field(default_factory=Event)
    go: Event = field(default_factory=Event)
    doubled: Semaphore = field(default_factory=lambda: Semaphore(0))
    seen: list[str] = field(default_factory=list[str])

    @staticmethod
    def closed(monkeypatch: pytest.MonkeyPatch) -> "Gate":
        """A gate before the second stage of every model of this process."""
        gate, real = Gate(), LoadedStage.call

        def call(self: LoadedStage, *args: object) -> object:
            if self.name == "poke":
                gate.inside.set()
                gate.go.wait(PATIENCE)
            gate.seen.append(self.name)
            try:
                return real(self, *args)  # type: ignore[arg-type]
            finally:
                if self.name == "double":
                    gate.doubled.release()

        monkeypatch.setattr(LoadedStage, "call", call)
        return gate
