"""The whole way from a source to a verified artifact, stage by stage."""

import re
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import msgspec
import torch

from infc.errors import ArtifactError, CompileError, UsageError

from ..runtime.artifact import (
    Artifact,
    ArtifactWriter,
    Config,
    TargetBuild,
)
from ..runtime.targets import missing_device, obstacle
from . import build, targets
from .cache import Cache
from .cache_folder import cache_folder, cache_limit
from .children import Children, Limits
from .doors import Request, read_sources
from .dynamic import Dynamic
from .dynamic.candidates import Plan, build_all, import_all, plan
from .dynamic.selection import Chosen, Judge
from .export import Program, decompose, trace
from .finished import Shelf
from .identity import source_digest
from .importer import import_program
from .methods import STAGE, build_methods, new_config, verify_all, with_builds
from .temps import Temps
from .tools import Tools
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
            models = read_sources(source, options.request)
        with clock.stage("export"):
            traced = [trace(model, options.dynamic.axes) for model in models]
        if shelf:
            with clock.stage("look up"):
                ready = (key := shelf.of_traced(*traced)) and shelf.take(key, out)
            if ready:
                return CompileResult(Path(out), *ready, clock.seconds, cached=True)
        with clock.stage("export"):
            programs = [decompose(each) for each in traced]
            program = programs[0]
            decided = _plan(programs, options)
        weights = WeightTable()
        with clock.stage("import"):
            imported = [import_program(each, weights) for each in programs]
            source_id, doubles = source_digest(programs, weights), _has_doubles(programs, weights)
        config = new_config(options.name or _default_name(models[0].name), programs, source_id)
        if decided is None:
            kept = build_methods(programs, imported, chosen, tools, clock.stage, doubles=doubles)
            tried = None
        else:
            with clock.stage("import buckets"):
                buckets = import_all(program, imported[0], weights, decided, doubles=doubles)
            with clock.stage("compile"):
                ways = build_all(buckets, chosen, decided, tools)
            with clock.stage("choose"):
                judge = Judge(program, decided, weights, config, options.trials, options.seed, options.verify)
                tried = [judge.choose(*each) for each in zip(ways, chosen, strict=True)]
            kept = [each.way.parts for each in tried]
        with clock.stage("weights"):
            builds = build.write(writer, STAGE, weights, list(zip(chosen, kept, strict=True)))
        config = with_builds(config, builds, kept[0])
        with clock.stage("verify"), writer.stage(config) as staged:
            if tried is None:
                builds = tuple(_verified(staged, each, programs, options) for each in builds)
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


def _verified(
    staged: Artifact, built: TargetBuild, programs: Sequence[Program], options: CompileOptions
) -> TargetBuild:
    """The build with its report; without one where this host cannot run it, or where that was not wanted."""
    if not options.verify:
        return msgspec.structs.replace(built, skipped=True)
    if obstacle(built):
        return built
    try:
        report = verify_all(staged, programs, trials=options.trials, seed=options.seed, target=built.target)
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


def _plan(programs: Sequence[Program], options: CompileOptions) -> Plan | None:
    """What is to be tried for a program whose dims vary; None where none does."""
    varying = next((program for program in programs if program.method.dims), None)
    if varying is not None and len(programs) > 1:
        raise UsageError(
            f"method {varying.method.name!r} has dims that vary, and there are several methods",
            hint="one artifact has either: leave out --dynamic, or compile one --method",
        )
    if varying is not None:
        return plan(varying, options.dynamic.buckets, options.seed)
    if options.dynamic.buckets:
        raise UsageError("--bucket: no dim of the model varies", hint="--dynamic ids:0=batch[1..64] makes one vary")
    return None


def _has_doubles(programs: Sequence[Program], weights: WeightTable) -> bool:
    specs = [spec for each in programs for spec in (*each.method.inputs, *each.method.outputs)]
    return any(spec.dtype == "f64" for spec in specs) or torch.float64 in {t.dtype for t in weights.tensors.values()}


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
