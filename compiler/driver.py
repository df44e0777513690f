"""The whole way from a source to an artifact: a copy of what the same model gave before, or one that `making.py` makes.

Torch is imported when the source has to be loaded.
"""

import re
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from infc.errors import UsageError

from ..codegen.service import Service
from ..runtime.artifact import ArtifactWriter, Config, Middle
from ..runtime.targets import missing_device
from . import targets
from .caching.cache import Cache
from .caching.cache_folder import cache_folder, cache_limit
from .caching.finished import Lookup, Shelf
from .cutting_options import Cutting
from .doors import Request, read_sources
from .dynamic import Dynamic
from .toolchain.children import Children, Limits
from .toolchain.temps import Temps
from .toolchain.tools import Tools

if TYPE_CHECKING:
    from .making import Making


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
    against: Service | None = None  # an earlier version, whose field numbers stay
    dynamic: Dynamic = field(default_factory=Dynamic)  # the dims that vary
    cutting: Cutting = field(default_factory=Cutting)  # into stages
    middle: Middle = field(default_factory=Middle)  # the passes that run, and the types of the weights in the slab
    request: Request = field(default_factory=Request)  # what is said about the source beside its name
    last: bool = False  # the process ends then: the model's weights do not have to be there any more


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
        with Lookup(shelf, [source, *options.request.files.values()], Path(out)) as known:
            with clock.stage("look up"):
                ready = known.by_files()
            if ready:
                return CompileResult(Path(out), *ready, clock.seconds, cached=True)
            tools = Tools(children, temps, cache)
            if options.middle.passes:
                from .toolchain.optimizer import check_pipeline  # with torch-mlir

                with clock.stage("passes"):
                    check_pipeline(",".join(options.middle.passes), tools)
            making = _traced(source, chosen, options, tools, clock)
            with clock.stage("look up"):
                ready = known.by_contents(making.contents)
            if ready:
                return CompileResult(Path(out), *ready, clock.seconds, cached=True)
            config, digest = making.artifact(writer)
            if cache:
                with clock.stage("keep"):
                    known.keep()
                    cache.trim()
    return CompileResult(Path(out), digest, config, clock.seconds)


def _traced(
    source: str, chosen: Sequence[targets.Target], options: CompileOptions, tools: Tools, clock: "_Clock"
) -> "Making":
    """The model, loaded and traced, ready to be made. From here on torch is needed."""
    with clock.stage("load"):
        from .caching.contents import contents_of, state_of
        from .frontend.export import axes_of_each, trace
        from .making import Making
        from .middle import storage_passes
        from .slab.digests import Digests

        models = read_sources(source, replace(options.request, axes=options.dynamic.axes))
    hashed = Digests()
    with clock.stage("export"), hashed.ahead(state_of(models)):
        axes = axes_of_each(models, options.dynamic.axes)
        traced = [trace(model, own) for model, own in zip(models, axes, strict=True)]
    with clock.stage("look up"):
        contents = contents_of(traced, hashed) if tools.cache else None
    storage = storage_passes(options.middle)
    stored = [replace(target, storage=storage) for target in chosen]
    return Making(traced, contents, hashed, stored, options, tools, clock.stage)


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
        options.against,
    ]
    return [*map(repr, said), *devices]


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
