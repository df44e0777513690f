"""Models of two stages, made without infc's compiler: one body, and heads of their own.

`h = relu(x @ w + b) + ballast` with x f32[2, 8] and h f32[2, 4], then `z = h @ v` with v f32[4, 4], which differs from
head to head. The ballast is `CHUNKS` chunks of weights whose sum is added: IREE adds it up once, when the
module loads, which touches each of their pages.
"""

import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np

from infc import __version__
from infc.codegen.service import numbered
from infc.compiler.rpc_module import add_service
from infc.compiler.service import in_parts
from infc.runtime.artifact import (
    CHUNK_SIZE,
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
    WeightData,
    Wiring,
)

from support.artifacts import REPORT, compile_mlir, linear_weights, weight
from support.signatures import returns, takes

CHUNKS = 4
_ELEMENTS = CHUNKS * CHUNK_SIZE // 4

METHOD = Method(
    name="main",
    inputs=(TensorSpec(name="x", dtype="f32", shape=(2, 8)),),
    outputs=(TensorSpec(name="z", dtype="f32", shape=(2, 4)),),
    takes=takes("x"),
    returns=returns("tensor", ["z"]),
)
BODY_MLIR = f"""
util.global private @ballast = #stream.parameter.named<"model"::"ballast"> : tensor<{_ELEMENTS}xf32>
util.global private @w = #stream.parameter.named<"model"::"w"> : tensor<8x4xf32>
util.global private @b = #stream.parameter.named<"model"::"b"> : tensor<4xf32>
func.func @main(%x: tensor<2x8xf32>) -> tensor<2x4xf32> {{
  %w = util.global.load @w : tensor<8x4xf32>
  %b = util.global.load @b : tensor<4xf32>
  %ballast = util.global.load @ballast : tensor<{_ELEMENTS}xf32>
  %none = arith.constant dense<0.0> : tensor<f32>
  %sum = linalg.reduce ins(%ballast : tensor<{_ELEMENTS}xf32>) outs(%none : tensor<f32>) dimensions = [0]
    (%p: f32, %q: f32) {{ %r = arith.addf %p, %q : f32 linalg.yield %r : f32 }}
  %empty = tensor.empty() : tensor<2x4xf32>
  %bias = linalg.broadcast ins(%b : tensor<4xf32>) outs(%empty : tensor<2x4xf32>) dimensions = [0]
  %y = linalg.matmul ins(%x, %w : tensor<2x8xf32>, tensor<8x4xf32>) outs(%bias : tensor<2x4xf32>) -> tensor<2x4xf32>
  %zero = arith.constant dense<0.0> : tensor<2x4xf32>
  %relu = arith.maximumf %y, %zero : tensor<2x4xf32>
  %all = linalg.broadcast ins(%sum : tensor<f32>) outs(%empty : tensor<2x4xf32>) dimensions = [0, 1]
  %h = arith.addf %relu, %all : tensor<2x4xf32>
  return %h : tensor<2x4xf32>
}}
"""
HEAD_MLIR = """
util.global private @v = #stream.parameter.named<"model"::"v"> : tensor<4x4xf32>
func.func @main(%h: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %v = util.global.load @v : tensor<4x4xf32>
  %zero = arith.constant dense<0.0> : tensor<2x4xf32>
  %z = linalg.matmul ins(%h, %v : tensor<2x4xf32>, tensor<4x4xf32>) outs(%zero : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %z : tensor<2x4xf32>
}
"""


def write_headed(path: Path, number: int, *, placements: tuple[str, str] = ("cpu", "cpu"), name: str = "") -> Path:
    """The body with head `number`, in stages `body` and `head`."""
    body = {"ballast": _ballast(), **linear_weights()}
    edge = Edge(dtype="f32", shape=(2, 4))
    with ArtifactWriter(path) as writer:
        stages = (
            _build(writer, "body", BODY_MLIR, [weight(key, array) for key, array in body.items()]),
            _build(writer, "head", HEAD_MLIR, [weight("v", _head(number))]),
        )
        config = Config(
            schema_version=SCHEMA_VERSION,
            name=name or f"head{number}",
            source="sha256:" + "0" * 64,
            toolchain=Toolchain(infc=__version__, torch="", torch_mlir="", iree=version("iree-base-runtime")),
            interface=Interface(methods=(METHOD,)),
            stages=tuple(
                Stage(name=stage.stage, placement=where) for stage, where in zip(stages, placements, strict=True)
            ),
            wiring=(
                Wiring(
                    method="main",
                    steps=(
                        Step(stage="body", inputs=(Ref(stage="", number=0),), outputs=(edge,)),
                        Step(stage="head", inputs=(Ref(stage="body", number=0),), outputs=(edge,)),
                    ),
                    outputs=(Ref(stage="head", number=0),),
                ),
            ),
            targets=(TargetBuild(target="cpu", stages=stages, verify=REPORT, skipped=False),),
            memory_plan=(),
            cost=Cost(flops=0, bytes_touched=0, activation_peak=0),
        )
        service = numbered(config.name, config.interface)
        # A cut that cannot be has no parts.
        add_service(writer, in_parts(service, config) if placements[0] == "client" else service)
        writer.finish(config)
    return path


def body_reference(x: np.ndarray) -> np.ndarray:
    """What the body gives, computed by numpy: f32[2, 4]."""
    weights = linear_weights()
    return np.maximum(x @ weights["w"] + weights["b"], 0) + _ballast().sum(dtype=np.float64).astype(np.float32)


def headed_reference(x: np.ndarray, number: int) -> np.ndarray:
    """What the model with head `number` answers, computed by numpy: f32[2, 4]."""
    return body_reference(x) @ _head(number)


def _head(number: int) -> np.ndarray:
    return np.random.default_rng(100 + number).standard_normal((4, 4), dtype=np.float32)


def _ballast() -> np.ndarray:
    # Powers of two: exact in whatever order they are added up; no two chunks alike.
    return np.repeat(np.exp2(-20.0 - np.arange(CHUNKS)).astype(np.float32), CHUNK_SIZE // 4)


def _build(writer: ArtifactWriter, stage: str, text: str, weights: list[WeightData]) -> StageBuild:
    code = compile_mlir(text)
    module = ModuleBuild(method="main", module=writer.add_blob(code, MODULE_MEDIA_TYPE), size=len(code))
    return StageBuild(
        stage=stage,
        target="cpu",
        device="local-task",
        machine=platform.machine(),
        features=(),
        modules=(module,),
        slab=writer.add_slab(weights),
    )
