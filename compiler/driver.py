"""The whole way from a source to a verified artifact, stage by stage."""

import hashlib
import json
import re
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import msgspec
import torch
from torch_mlir import ir

from infc.errors import CompileError, SourceError

from ..passes import pipeline
from ..passes.cost import flops
from ..runtime.artifact import (
    MODULE_MEDIA_TYPE,
    SCHEMA_VERSION,
    ArtifactWriter,
    Config,
    Cost,
    Interface,
    MemoryStep,
    Method,
    Slab,
    Stage,
    StageBuild,
    TargetBuild,
    Toolchain,
)
from ..runtime.artifact.dtypes import byte_size
from . import iree
from .doors import Request, read_source
from .export import Program, export
from .importer import import_program, lower_to_linalg
from .temps import Temps
from .verify import verify
from .weights import WeightTable, WeightUse, weight_uses

STAGE = "main"  # one stage for now: the whole model


@dataclass(frozen=True)
class CompileOptions:
    """What `infc compile` can be told.

    `name` is the model's name in the pool (the source's own when empty); `trials` random inputs are compared with
    PyTorch's answers, drawn with `seed`; `temps` is a directory for the IR of every stage.
    """

    name: str = ""
    target: str = "cpu"
    trials: int = 3
    seed: int = 0
    temps: Path | None = None
    request: Request = field(default_factory=Request)  # what is said about the source beside its name


@dataclass(frozen=True)
class CompileResult:
    """What was made: where, the manifest's digest, the config, and the seconds that each stage took."""

    path: Path
    digest: str
    config: Config
    seconds: dict[str, float]


Observer = Callable[[str], AbstractContextManager[object]]


def compile_model(
    source: str, out: Path, options: CompileOptions | None = None, observer: Observer | None = None
) -> CompileResult:
    """Compile the model that `source` names into the artifact `out`, and compare it with PyTorch.

    `observer` is entered around every stage, with the stage's name.

    Raises:
        SourceError: the source cannot be read or exported.
        CompileError: the options make no sense, or a stage fails.
        VerifyError: the compiled model and PyTorch disagree; there is no output file then.
        ArtifactError: the output cannot be written.
    """
    options = options or CompileOptions()
    _check(options)
    clock = _Clock(observer or (lambda _: nullcontext()))
    temps = Temps(options.temps)
    # The writer first: an output that cannot be written is told before minutes of work
    with ArtifactWriter(out) as writer, temps.reproducing():
        with clock.stage("load"):
            model = read_source(source, options.request)
        with clock.stage("export"):
            program = export(model)
        weights = WeightTable()
        with clock.stage("import"):
            module = import_program(program, weights)
        lowered = _lower(module, clock, temps)
        with clock.stage("compile"):
            doubles = _has_doubles(program, weights)
            temps.command(iree.flags(options.target, doubles=doubles))
            code = iree.compile_text(lowered.text, options.target, doubles=doubles)
        with clock.stage("weights"):
            digest = writer.add_blob(code.code, MODULE_MEDIA_TYPE)
            slab = writer.add_slab(weights.data(lowered.uses))
        build = StageBuild(stage=STAGE, module=digest, module_size=len(code.code), slab=slab)
        target = TargetBuild(target=options.target, features=code.features, stages=(build,))
        cost = Cost(
            flops=lowered.flops,
            bytes_touched=_bytes_touched(program.method, slab),
            activation_peak=code.activation_peak,
        )
        config = _config(options.name or _default_name(model.name), program, lowered, target, cost)
        with clock.stage("verify"), writer.stage(config) as staged:
            report = verify(staged, program, trials=options.trials, seed=options.seed, target=options.target)
        with clock.stage("write"):
            config = msgspec.structs.replace(config, verify=report)
            manifest = writer.finish(config)
    return CompileResult(Path(out), manifest, config, clock.seconds)


@dataclass(frozen=True)
class _Lowered:
    """The program as IREE reads it, the weights in the order in which it does, and what one call computes."""

    text: str
    uses: list[WeightUse]
    flops: int


def _lower(module: ir.Module, clock: "_Clock", temps: Temps) -> _Lowered:
    temps.write("torch.mlir", module)
    with clock.stage("lower"):
        lower_to_linalg(module)
    temps.write("linalg.mlir", module)
    with clock.stage("passes"):
        pipeline.run(module.operation, pipeline.DEFAULT)
        temps.write("infer.mlir", module)
        uses = weight_uses(module.operation)
        work = flops(module.operation)
        # What follows is IREE's: its dialects are text to us.
        module.context.allow_unregistered_dialects = True
        pipeline.run(module.operation, "infer-lower-weights")
        temps.write("iree.mlir", module)
    return _Lowered(module.operation.get_asm(), uses, work)


def _config(name: str, program: Program, lowered: _Lowered, target: TargetBuild, cost: Cost) -> Config:
    method = program.method
    return Config(
        schema_version=SCHEMA_VERSION,
        name=name,
        source=_source_digest(program, lowered),
        toolchain=Toolchain(
            infc=version("infc"),
            torch=version("torch").partition("+")[0],
            torch_mlir=version("torch-mlir"),
            iree=version("iree-base-compiler"),
        ),
        interface=Interface(methods=(method,)),
        stages=(
            Stage(
                name=STAGE,
                placement="device",
                inputs=tuple(spec.name for spec in method.inputs),
                outputs=tuple(spec.name for spec in method.outputs),
            ),
        ),
        targets=(target,),
        memory_plan=tuple(MemoryStep(stage=STAGE, key=use.key) for use in lowered.uses),
        cost=cost,
        verify=None,
    )


def _has_doubles(program: Program, weights: WeightTable) -> bool:
    specs = (*program.method.inputs, *program.method.outputs)
    return any(spec.dtype == "f64" for spec in specs) or torch.float64 in {t.dtype for t in weights.tensors.values()}


def _bytes_touched(method: Method, slab: Slab) -> int:
    values = sum(byte_size(spec.dtype, spec.shape) for spec in (*method.inputs, *method.outputs))
    return values + sum(weight.length for weight in slab.weights)


def _source_digest(program: Program, lowered: _Lowered) -> str:
    """Of what the model is, not of where it lay: its graph, its interface and its weights' contents."""
    parts = [str(program.exported.graph), repr(program.method), *(f"{use.key}={use.digest}" for use in lowered.uses)]
    return f"sha256:{hashlib.sha256(json.dumps(parts).encode()).hexdigest()}"


def _check(options: CompileOptions) -> None:
    if options.target not in iree.TARGETS:
        raise CompileError(f"there is no target {options.target!r}", hint=f"targets: {', '.join(iree.TARGETS)}")
    if options.trials < 3:
        raise CompileError(f"{options.trials} trials are too few to call a model verified", hint="--trials 3 or more")
    if options.name and not _NAME.fullmatch(options.name):
        raise SourceError(
            f"{options.name!r} is no model name",
            hint="letters, digits, '.', '_' and '-', beginning with a letter or digit",
        )


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def _default_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._") or "model"


@dataclass
class _Clock:
    """Seconds of each stage, and the observer told of each."""

    observer: Observer
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    @contextmanager
    def stage(self, name: str) -> Generator[None]:
        start = perf_counter()
        with self.observer(name):
            yield
        self.seconds[name] = perf_counter() - start
