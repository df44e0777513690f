"""The whole way from a source to a verified artifact, stage by stage."""

import re
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import msgspec
import torch

from infc.errors import ArtifactError, CompileError, UsageError

from ..runtime.artifact import (
    SCHEMA_VERSION,
    UNKNOWN,
    Artifact,
    ArtifactWriter,
    Config,
    Cost,
    Interface,
    MemoryStep,
    Method,
    Slab,
    Stage,
    TargetBuild,
    Toolchain,
)
from ..runtime.artifact.dtypes import byte_size
from ..runtime.shapes import sized
from ..runtime.targets import missing_device, obstacle
from . import build, targets
from .cache import Cache
from .cache_folder import cache_folder, cache_limit
from .children import Children, Limits
from .doors import Request, read_source
from .dynamic import Dynamic
from .dynamic.candidates import Plan, build_all, import_all, plan
from .dynamic.selection import Chosen, Judge
from .export import Program, decompose, trace
from .finished import Shelf
from .identity import source_digest
from .importer import import_program
from .temps import Temps
from .tools import Tools
from .verify import verify
from .weights import WeightTable

STAGE = "main"  # one stage for now: the whole model


@dataclass(frozen=True)
class CompileOptions:
    """What `infc compile` can be told.

    `name` is the model's name in the pool (the source's own when empty); `trials` random inputs are compared with
    PyTorch's answers, drawn with `seed`; `temps` is a directory for the IR of every stage. `limits` are those of the
    processes that it starts. `cache` is a directory for what may be needed again, None for none. `targets` are in the
    order in which a host prefers them. Without `verify` nothing is compared, and the artifact says so.
    """

    name: str = ""
    targets: tuple[str, ...] = ("cpu",)
    trials: int = 3
    seed: int = 0
    verify: bool = True
    temps: Path | None = None
    limits: Limits = field(default_factory=Limits)
    cache: Path | None = field(default_factory=cache_folder)
    dynamic: Dynamic = field(default_factory=Dynamic)  # the dims that vary
    request: Request = field(default_factory=Request)  # what is said about the source beside its name


@dataclass(frozen=True)
class CompileResult:
    """What was made: where, the manifest's digest, the config, and the seconds that each stage took."""

    path: Path
    digest: str
    config: Config
    seconds: dict[str, float]
    cached: bool = False  # nothing was made: the artifact is a copy of what the same model gave before


Observer = Callable[[str], AbstractContextManager[object]]


def compile_model(
    source: str, out: Path, options: CompileOptions | None = None, observer: Observer | None = None
) -> CompileResult:
    """Compile the model that `source` names into the artifact `out`, and compare it with PyTorch.

    `observer` is entered around every stage, with the stage's name.

    Raises:
        SourceError: the source cannot be read or exported.
        UsageError: the options make no sense.
        CompileError: a stage fails.
        VerifyError: the compiled model and PyTorch disagree; there is no output file then.
        ArtifactError: the output cannot be written.
    """
    options = options or CompileOptions()
    _check(options)
    chosen = [targets.lookup(name) for name in options.targets]
    clock = _Clock(observer or (lambda _: nullcontext()))
    temps = Temps(options.temps, options.cache / "failures" if options.cache else None)
    # The writer first: an output that cannot be written is told before minutes of work
    with ArtifactWriter(out) as writer, temps.reproducing(), Children(options.limits) as children:
        cache = Cache(options.cache, cache_limit()) if options.cache else None
        shelf = Shelf(cache, _asked(options, chosen)) if cache and not options.temps else None
        tools = Tools(children, temps, cache)
        files = key = None
        if shelf:
            with clock.stage("look up"):
                files = shelf.of_files(source)
                ready = (key := files and shelf.behind(files)) and shelf.take(key, out)
            if ready:
                return CompileResult(Path(out), *ready, clock.seconds, cached=True)
        with clock.stage("load"):
            model = read_source(source, options.request)
        with clock.stage("export"):
            traced = trace(model, options.dynamic.axes)
        if shelf:
            with clock.stage("look up"):
                ready = (key := shelf.of_traced(traced)) and shelf.take(key, out)
            if ready:
                return CompileResult(Path(out), *ready, clock.seconds, cached=True)
        with clock.stage("export"):
            program = decompose(traced)
            decided = _plan(program, options)
        weights = WeightTable()
        with clock.stage("import"):
            imported = import_program(program, weights)
            source_id, doubles = source_digest(program, weights), _has_doubles(program, weights)
        config = _config(options.name or _default_name(model.name), program, source_id)
        if decided is None:
            job = build.Job(imported, doubles)
            with clock.stage("lower"):
                [lowered] = build.lower_all([job], chosen, tools)
            with clock.stage("compile"):
                [modules] = build.compile_all([job], [lowered], chosen, tools)
            kept = [(build.Part(*pair),) for pair in zip(lowered, modules, strict=True)]
            tried = None
        else:
            with clock.stage("import buckets"):
                programs = import_all(program, imported, weights, decided, doubles=doubles)
            with clock.stage("compile"):
                ways = build_all(programs, chosen, decided, tools)
            with clock.stage("choose"):
                judge = Judge(program, decided, weights, config, options.trials, options.seed, options.verify)
                tried = [judge.choose(*each) for each in zip(ways, chosen, strict=True)]
            kept = [each.way.parts for each in tried]
        with clock.stage("weights"):
            builds = build.write(writer, STAGE, weights, list(zip(chosen, kept, strict=True)))
        config = _with_builds(config, program.method, builds, kept[0])
        with clock.stage("verify"), writer.stage(config) as staged:
            if tried is None:
                builds = tuple(_verified(staged, each, program, options) for each in builds)
            else:  # compared already, module by module, to be chosen
                builds = tuple(_chosen(*each, options) for each in zip(builds, tried, strict=True))
        with clock.stage("write"):
            config = msgspec.structs.replace(config, targets=builds)
            manifest = writer.finish(config)
        if cache:
            with clock.stage("keep"):
                if shelf and key:
                    shelf.put(key, files, Path(out))
                cache.trim()
    return CompileResult(Path(out), manifest, config, clock.seconds)


def _asked(options: CompileOptions, chosen: Sequence[targets.Target]) -> list[str]:
    """All that an artifact depends on beside the model, the toolchain and the CPU."""
    devices = [f"{target.name} {missing_device(target.device)}" for target in chosen]
    said = [options.name, options.trials, options.seed, options.verify, options.request, options.dynamic]
    return [*map(repr, said), *devices]


def _verified(staged: Artifact, built: TargetBuild, program: Program, options: CompileOptions) -> TargetBuild:
    """The build with its report; without one where this host cannot run it, or where that was not wanted."""
    if not options.verify:
        return msgspec.structs.replace(built, skipped=True)
    if obstacle(built):
        return built
    try:
        report = verify(staged, program, trials=options.trials, seed=options.seed, target=built.target)
    except ArtifactError as error:  # there is none yet that the user could do something about
        raise CompileError(
            f"the module for {built.target} does not load: {error.message.removeprefix(f'{staged.path}: ')}",
            hint="if it says `binding count`: one operation reads more tensors than the 32 that IREE's runtime takes; "
            "stack them before it",
            stage="verify",
        ) from error
    return msgspec.structs.replace(built, verify=report)


def _chosen(built: TargetBuild, chosen: Chosen, options: CompileOptions) -> TargetBuild:
    """The build with what was tried for it, and its report where it was compared."""
    return msgspec.structs.replace(
        built, verify=chosen.report, candidates=chosen.candidates, skipped=not options.verify
    )


def _plan(program: Program, options: CompileOptions) -> Plan | None:
    """What is to be tried for a program whose dims vary; None where none does."""
    if program.method.dims:
        return plan(program, options.dynamic.buckets, options.seed)
    if options.dynamic.buckets:
        raise UsageError("--bucket: no dim of the model varies", hint="--dynamic ids:0=batch[1..64] makes one vary")
    return None


def _config(name: str, program: Program, source: str) -> Config:
    method = program.method
    return Config(
        schema_version=SCHEMA_VERSION,
        name=name,
        source=source,
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
        targets=(),
        memory_plan=(),
        cost=Cost(flops=0, bytes_touched=0, activation_peak=0),
    )


def _with_builds(
    config: Config, method: Method, builds: tuple[TargetBuild, ...], parts: Sequence[build.Part]
) -> Config:
    """The config with its targets, and what the first of them, made of `parts`, says about memory and cost."""
    cost = Cost(
        flops=max(part.lowered.flops for part in parts),
        bytes_touched=_bytes_touched(method, builds[0].stages[0].slab),
        activation_peak=max(part.module.activation_peak for part in parts),
    )
    steps = tuple(MemoryStep(stage=STAGE, key=use.key) for use in build.uses_of(parts))
    return msgspec.structs.replace(config, targets=builds, memory_plan=steps, cost=cost)


def _has_doubles(program: Program, weights: WeightTable) -> bool:
    specs = (*program.method.inputs, *program.method.outputs)
    return any(spec.dtype == "f64" for spec in specs) or torch.float64 in {t.dtype for t in weights.tensors.values()}


def _bytes_touched(method: Method, slab: Slab) -> int:
    largest = {dim.name: dim.high for dim in method.dims} | {UNKNOWN: 0}
    values = sum(byte_size(spec.dtype, sized(spec, largest)) for spec in (*method.inputs, *method.outputs))
    return values + sum(weight.length for weight in slab.weights)


def _check(options: CompileOptions) -> None:
    if not options.targets or len(set(options.targets)) < len(options.targets):
        raise UsageError(
            f"targets {', '.join(options.targets) or 'none'}: expected one or more, each once", hint="--target cpu"
        )
    if options.trials < 3:
        raise UsageError(f"{options.trials} trials are too few to call a model verified", hint="--trials 3 or more")
    if options.name and not _NAME.fullmatch(options.name):
        raise UsageError(
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
        self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - start
