"""The whole way from a source to a verified artifact, stage by stage."""

import re
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter

import msgspec
import torch

from infc.errors import ArtifactError, CompileError, UsageError

from ..runtime.artifact import Artifact, ArtifactWriter, Config, Middle, TargetBuild, VerifyReport
from ..runtime.targets import missing_device, obstacle
from . import targets
from .build import StageParts, build_all, write
from .cache import Cache
from .cache_folder import cache_folder, cache_limit
from .children import Children, Limits
from .cutting import Cutting
from .doors import Request, read_sources
from .dynamic import Dynamic
from .dynamic.candidates import Way
from .dynamic.selection import Chosen, Judge
from .export import Program, Traced, axes_of_each, decompose, trace
from .finished import Lookup, Shelf
from .identity import source_digest
from .importer import import_program
from .methods import merged, new_config, with_builds
from .middle import storage_passes
from .plan import STAGE, Entry, Stages, decide, entries
from .rpc_module import add_service
from .service import describe
from .staged import build_stages, check_methods
from .temps import Temps
from .tools import Tools
from .verify import verify
from .weights import WeightTable


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
    cutting: Cutting = field(default_factory=Cutting)  # into stages
    middle: Middle = field(default_factory=Middle)  # the passes that run, and the types of the weights in the slab
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
    storage = storage_passes(options.middle)
    chosen = [replace(targets.lookup(name), storage=storage) for name in options.targets]
    clock = _Clock(observer or (lambda _: nullcontext()))
    temps = Temps(options.temps, options.cache / "failures" if options.cache else None)
    # The writer first: an output that cannot be written is told before minutes of work
    with ArtifactWriter(out) as writer, temps.reproducing(), Children(options.limits) as children:
        cache = Cache(options.cache, cache_limit()) if options.cache else None
        shelf = Shelf(cache, _asked(options, chosen)) if cache and not options.temps else None
        known = Lookup(shelf, [source, *options.request.files.values()], Path(out))
        with clock.stage("look up"):
            ready = known.by_files()
        if ready:
            return CompileResult(Path(out), *ready, clock.seconds, cached=True)
        with clock.stage("load"):
            models = read_sources(source, replace(options.request, axes=options.dynamic.axes))
        with clock.stage("export"):
            axes = axes_of_each(models, options.dynamic.axes)
            traced = [trace(model, own) for model, own in zip(models, axes, strict=True)]
        with clock.stage("look up"):
            ready = known.by_traced(traced)
        if ready:
            return CompileResult(Path(out), *ready, clock.seconds, cached=True)
        config, digest = _made(traced, chosen, options, writer, Tools(children, temps, cache), clock.stage)
        if cache:
            with clock.stage("keep"):
                known.keep()
                cache.trim()
    return CompileResult(Path(out), digest, config, clock.seconds)


def _made(
    traced: Sequence[Traced],
    chosen: Sequence[targets.Target],
    options: CompileOptions,
    writer: ArtifactWriter,
    tools: Tools,
    stage: Stages,
) -> tuple[Config, str]:
    """The config and the manifest's digest of the artifact, which is made and compared."""
    with stage("export"):
        programs = [decompose(each) for each in traced]
        decided = decide(programs, options.dynamic, options.seed)
    weights = WeightTable()
    with stage("import"):
        imported = [import_program(each, weights) for each in programs]
        source, doubles = source_digest(programs, weights), _has_doubles(programs, weights)
        methods = entries(programs, imported, decided, weights, doubles=doubles)
    config = new_config(options.name or _default_name(traced[0].source.name), programs, source, options.middle)
    if options.cutting:
        check_methods(methods)
        in_stages = build_stages(methods[0], options.cutting, chosen, tools, stage)
        config, ways = in_stages.described(config), in_stages.builds
        kept = [(Chosen(Way("stages"), (), None),)] * len(ways)
    else:
        kept = _kept(
            methods, chosen, Judge(weights, config, options.trials, options.seed, options.verify), tools, stage
        )
        ways = [
            (target.name, (StageParts(STAGE, target, [part for each in own for part in each.way.parts]),))
            for target, own in zip(chosen, kept, strict=True)
        ]
    with stage("weights"):
        builds = write(writer, weights, ways)
    config = with_builds(config, builds, ways[0][1])
    with stage("interface"):
        add_service(writer, describe(config, programs))
    with stage("verify"), writer.stage(config) as staged:
        compared = tuple(_compared(staged, *each, methods, options) for each in zip(builds, kept, strict=True))
    with stage("write"):
        config = msgspec.structs.replace(config, targets=compared)
        return config, writer.finish(config)


def _kept(
    methods: Sequence[Entry], chosen: Sequence[targets.Target], judge: Judge, tools: Tools, stage: Stages
) -> list[Sequence[Chosen]]:
    """For each target what runs each method, of all that was built."""
    parts = build_all([each for entry in methods for each in entry.builds(chosen)], tools, stage)
    ways = [[entry.ways(target, parts) for entry in methods] for target in chosen]
    with stage("choose") if any(entry.decided for entry in methods) else nullcontext():
        return [
            [judge.choose(entry.program, entry.decided, way, target) for entry, way in zip(methods, own, strict=True)]
            for target, own in zip(chosen, ways, strict=True)
        ]


def _asked(options: CompileOptions, chosen: Sequence[targets.Target]) -> list[str]:
    """All that an artifact depends on beside the model, the toolchain and the CPU."""
    devices = [f"{target.name} {missing_device(target.device)}" for target in chosen]
    said = [
        options.name,
        options.trials,
        options.seed,
        options.verify,
        options.request,
        options.dynamic,
        options.cutting,
        options.middle,
    ]
    return [*map(repr, said), *devices]


def _compared(
    staged: Artifact, built: TargetBuild, kept: Sequence[Chosen], methods: Sequence[Entry], options: CompileOptions
) -> TargetBuild:
    """The build with what was tried for it, and its report: what was compared to be chosen is not compared again.

    Without a report where this host cannot run it, or where that was not wanted.
    """
    built = msgspec.structs.replace(built, candidates=tuple(tried for each in kept for tried in each.candidates))
    if not options.verify:
        return msgspec.structs.replace(built, skipped=True)
    if obstacle(built):
        return built
    reports = [
        each.report or _verified(staged, built.target, entry.program, options)
        for each, entry in zip(kept, methods, strict=True)
    ]
    return msgspec.structs.replace(built, verify=merged([entry.program.method for entry in methods], reports))


def _verified(staged: Artifact, target: str, program: Program, options: CompileOptions) -> VerifyReport:
    try:
        return verify(staged, program, trials=options.trials, seed=options.seed, target=target)
    except ArtifactError as error:  # there is none yet that the user could do something about
        raise CompileError(
            f"the module for {target} does not load: {error.message.removeprefix(f'{staged.path}: ')}",
            hint="if it says `binding count`: one operation reads more tensors than the 32 that IREE's runtime takes; "
            "stack them before it",
            stage="verify",
        ) from error


def _has_doubles(programs: Sequence[Program], weights: WeightTable) -> bool:
    specs = [spec for each in programs for spec in (*each.method.inputs, *each.method.outputs)]
    return any(spec.dtype == "f64" for spec in specs) or torch.float64 in {t.dtype for t in weights.tensors.values()}


def _check(options: CompileOptions) -> None:
    options.cutting.check()
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
