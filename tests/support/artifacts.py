"""Small real artifacts, made without infc's compiler: hand-written MLIR through IREE, weights as parameters.

Two models. `linear` is `y = relu(x @ w + b)` with x f32[2, 8]. `embed` looks up i64 `ids` [2, 3] in a table of 16 rows
of 4 and zeroes the rows where the bool `mask` is false; it also returns the inverted mask.
"""

import platform
from collections.abc import Iterable, Sequence
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import numpy as np

from infc import __version__
from infc.codegen.service import numbered
from infc.compiler.rpc_module import add_service
from infc.runtime.artifact import (
    MODULE_MEDIA_TYPE,
    SCHEMA_VERSION,
    ArtifactWriter,
    Config,
    Cost,
    Dim,
    Form,
    Interface,
    LeftOut,
    MemoryStep,
    Method,
    ModuleBuild,
    OutputCheck,
    Stage,
    StageBuild,
    TargetBuild,
    TensorSpec,
    Toolchain,
    VerifyReport,
    WeightData,
    one_stage,
)

from support.signatures import returns, takes

# It was made by hand and compared with nothing; but a pool serves only what has a report.
REPORT = VerifyReport(
    trials=3,
    seed=0,
    outputs=(
        OutputCheck(
            values="zeros",
            output="rows",
            max_abs_error=2.5e-7,
            max_rel_error=1.25e-6,
            tolerance=1e-4,
            not_finite=0,
            reference_error=None,
        ),
    ),
    left_out=(LeftOut(values="largest", why="it was too large"),),
)

ROWS = 16  # of the embedding table: ids are 0 to 15

LINEAR = Method(
    name="main",
    inputs=(TensorSpec(name="x", dtype="f32", shape=(2, 8)),),
    outputs=(TensorSpec(name="output_0", dtype="f32", shape=(2, 4)),),
    takes=takes("x"),
    returns=returns("tensor", ["output_0"]),
)
EMBED = Method(
    name="main",
    inputs=(
        TensorSpec(name="ids", dtype="i64", shape=(2, 3), low=0, high=ROWS - 1),
        TensorSpec(name="mask", dtype="bool", shape=(2, 3)),
    ),
    outputs=(
        TensorSpec(name="rows", dtype="f32", shape=(2, 3, 4)),
        TensorSpec(name="masked", dtype="bool", shape=(2, 3)),
    ),
    takes=takes("ids", "mask"),
    returns=returns("record", ["rows", "masked"]),
)

# `rows` is bucketed, or dynamic in a module of its own.
SCALE = Method(
    name="main",
    inputs=(
        TensorSpec(name="x", dtype="f32", shape=("rows", 4)),
        TensorSpec(name="s", dtype="f32", shape=("rows",)),
    ),
    outputs=(
        TensorSpec(name="y", dtype="f32", shape=("rows", 4)),
        TensorSpec(name="total", dtype="f32", shape=(4,)),
    ),
    takes=takes("x", "s"),
    returns=returns("mapping", ["y", "total"]),
    dims=(Dim(name="rows", low=1, high=16),),
)

LINEAR_MLIR = """
util.global private @w = #stream.parameter.named<"model"::"w"> : tensor<8x4xf32>
util.global private @b = #stream.parameter.named<"model"::"b"> : tensor<4xf32>
func.func @main(%x: tensor<2x8xf32>) -> tensor<2x4xf32> {
  %w = util.global.load @w : tensor<8x4xf32>
  %b = util.global.load @b : tensor<4xf32>
  %empty = tensor.empty() : tensor<2x4xf32>
  %bias = linalg.broadcast ins(%b : tensor<4xf32>) outs(%empty : tensor<2x4xf32>) dimensions = [0]
  %y = linalg.matmul ins(%x, %w : tensor<2x8xf32>, tensor<8x4xf32>) outs(%bias : tensor<2x4xf32>) -> tensor<2x4xf32>
  %zero = arith.constant dense<0.0> : tensor<2x4xf32>
  %relu = arith.maximumf %y, %zero : tensor<2x4xf32>
  return %relu : tensor<2x4xf32>
}
"""
# y = (x + w) * s, total = the sum of y's rows. A row of zeros with a scale of zero adds nothing: padding is harmless.
SCALE_MLIR = """
#r = affine_map<(i, j) -> (i)>
#c = affine_map<(i, j) -> (j)>
#rc = affine_map<(i, j) -> (i, j)>
util.global private @w = #stream.parameter.named<"model"::"w"> : tensor<4xf32>
func.func @main(%x: tensor<ROWSx4xf32>, %s: tensor<ROWSxf32>) -> (tensor<ROWSx4xf32>, tensor<4xf32>) {
  %w = util.global.load @w : tensor<4xf32>
  %y = linalg.generic {indexing_maps = [#r, #c, #rc], iterator_types = ["parallel", "parallel"]}
      ins(%s, %w : tensor<ROWSxf32>, tensor<4xf32>) outs(%x : tensor<ROWSx4xf32>) {
    ^bb0(%scale: f32, %shift: f32, %value: f32):
      %shifted = arith.addf %value, %shift : f32
      %scaled = arith.mulf %shifted, %scale : f32
      linalg.yield %scaled : f32
  } -> tensor<ROWSx4xf32>
  %zero = arith.constant dense<0.0> : tensor<4xf32>
  %total = linalg.reduce ins(%y : tensor<ROWSx4xf32>) outs(%zero : tensor<4xf32>) dimensions = [0]
    (%a: f32, %b: f32) { %sum = arith.addf %a, %b : f32 linalg.yield %sum : f32 }
  return %y, %total : tensor<ROWSx4xf32>, tensor<4xf32>
}
"""
EMBED_MLIR = """
#ij = affine_map<(i, j, k) -> (i, j)>
#ijk = affine_map<(i, j, k) -> (i, j, k)>
util.global private @table = #stream.parameter.named<"model"::"table"> : tensor<16x4xf32>
func.func @main(%ids: tensor<2x3xi64>, %mask: tensor<2x3xi1>) -> (tensor<2x3x4xf32>, tensor<2x3xi1>) {
  %table = util.global.load @table : tensor<16x4xf32>
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<2x3x4xf32>
  %rows = linalg.generic {indexing_maps = [#ij, #ij, #ijk], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%ids, %mask : tensor<2x3xi64>, tensor<2x3xi1>) outs(%empty : tensor<2x3x4xf32>) {
    ^bb0(%id: i64, %keep: i1, %out: f32):
      %row = arith.index_cast %id : i64 to index
      %column = linalg.index 2 : index
      %value = tensor.extract %table[%row, %column] : tensor<16x4xf32>
      %kept = arith.select %keep, %value, %zero : f32
      linalg.yield %kept : f32
  } -> tensor<2x3x4xf32>
  %true = arith.constant dense<true> : tensor<2x3xi1>
  %masked = arith.xori %mask, %true : tensor<2x3xi1>
  return %rows, %masked : tensor<2x3x4xf32>, tensor<2x3xi1>
}
"""


@cache
def compile_mlir(text: str) -> bytes:
    """An IREE module for this machine's CPU."""
    from iree.compiler import compile_str

    module = compile_str(
        text,
        extra_args=[
            "--iree-hal-target-device=local",
            "--iree-hal-local-target-device-backends=llvm-cpu",
            "--iree-llvmcpu-target-cpu=host",
        ],
    )
    assert isinstance(module, bytes)
    return module


def weight(key: str, array: np.ndarray) -> WeightData:
    """A float weight as it lies, named by its own bytes."""
    digest = f"sha256:{sha256(array.tobytes()).hexdigest()}"
    return WeightData(key=key, digest=digest, dtype="f32", shape=array.shape, layout="row_major", data=array)


def write_artifact(
    path: Path,
    name: str,
    method: Method,
    module: bytes | Sequence[tuple[bytes, dict[str, int]]],
    weights: Iterable[WeightData],
    *,
    form: Form = "tar",
    features: tuple[str, ...] = (),
    iree: str = "",
    verify: VerifyReport | None = REPORT,
    skipped: bool = False,
) -> Path:
    """One stage, target `cpu`.

    `module` is one module, or several with the sizes of their buckets. `iree` is the version that the artifact claims;
    the installed one by default.
    """
    with ArtifactWriter(path, form=form) as writer:
        modules = tuple(
            ModuleBuild(method=method.name, module=writer.add_blob(code, MODULE_MEDIA_TYPE), size=len(code), dims=dims)
            for code, dims in ([(module, {})] if isinstance(module, bytes) else module)
        )
        slab = writer.add_slab(weights)
        add_service(writer, numbered(name, Interface(methods=(method,))))
        stage = StageBuild(
            stage="main",
            target="cpu",
            device="local-task",
            machine=platform.machine(),
            features=features,
            modules=modules,
            slab=slab,
        )
        writer.finish(
            Config(
                schema_version=SCHEMA_VERSION,
                name=name,
                source="sha256:" + "0" * 64,
                toolchain=Toolchain(
                    infc=__version__, torch="", torch_mlir="", iree=iree or version("iree-base-runtime")
                ),
                interface=Interface(methods=(method,)),
                stages=(Stage(name="main", placement="cpu"),),
                wiring=(one_stage(method, "main"),),
                targets=(
                    TargetBuild(
                        target="cpu",
                        stages=(stage,),
                        verify=verify,
                        skipped=skipped,
                    ),
                ),
                memory_plan=tuple(MemoryStep(stage="main", key=placed.key) for placed in slab.weights),
                cost=Cost(flops=0, bytes_touched=slab.length, activation_peak=0),
            )
        )
    return path


def linear_weights(seed: int = 0) -> dict[str, np.ndarray]:
    """`w` f32[8, 4] and `b` f32[4]."""
    rng = np.random.default_rng(seed)
    return {
        "w": rng.standard_normal((8, 4), dtype=np.float32),
        "b": rng.standard_normal(4, dtype=np.float32),
    }


def linear_reference(x: np.ndarray, seed: int = 0) -> np.ndarray:
    """What the linear model answers, computed by numpy: f32[2, 4]."""
    weights = linear_weights(seed)
    return np.maximum(x @ weights["w"] + weights["b"], 0)


def write_linear_artifact(
    path: Path,
    *,
    name: str = "linear",
    seed: int = 0,
    form: Form = "tar",
    features: tuple[str, ...] = (),
    iree: str = "",
) -> Path:
    """Writes `relu(x @ w + b)` with the weights of `linear_weights(seed)`."""
    weights = [weight(key, array) for key, array in linear_weights(seed).items()]
    module = compile_mlir(LINEAR_MLIR)
    return write_artifact(path, name, LINEAR, module, weights, form=form, features=features, iree=iree)


def embed_table(seed: int = 0) -> np.ndarray:
    """f32[16, 4]."""
    return np.random.default_rng(seed).standard_normal((ROWS, 4), dtype=np.float32)


def write_embed_artifact(path: Path, *, name: str = "embed", seed: int = 0, form: Form = "tar") -> Path:
    """Writes the lookup in the table of `embed_table(seed)`."""
    return write_artifact(path, name, EMBED, compile_mlir(EMBED_MLIR), [weight("table", embed_table(seed))], form=form)


def scale_reference(x: np.ndarray, s: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """What the scaling model answers, computed by numpy: f32[rows, 4] and f32[4]."""
    y = (x + scale_weight(seed)) * s[:, None]
    return {"y": y, "total": y.sum(axis=0)}


def scale_weight(seed: int = 0) -> np.ndarray:
    """f32[4]."""
    return np.random.default_rng(seed).standard_normal(4, dtype=np.float32)


def write_scale_artifact(
    path: Path, *, name: str = "scale", buckets: Sequence[int] = (4, 16), dynamic: bool = False, seed: int = 0
) -> Path:
    """Writes the scaling model with a module for each bucket of `rows`, and a dynamic one behind them."""
    modules = [(compile_mlir(SCALE_MLIR.replace("ROWS", str(rows))), {"rows": rows}) for rows in buckets]
    if dynamic:
        modules.append((compile_mlir(SCALE_MLIR.replace("ROWS", "?")), {}))
    return write_artifact(path, name, SCALE, modules, [weight("w", scale_weight(seed))])
