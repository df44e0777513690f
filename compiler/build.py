"""What depends on the target: the IR that its weights' layout asks for, its machine code, its slab."""

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from torch_mlir import ir

from infc.errors import CompileError

from ..passes import named
from ..passes.running.runner import make_context
from ..passes.stages.cost import flops
from ..passes.stages.mem_lower import fetched
from ..runtime.artifact import MODULE_MEDIA_TYPE, ArtifactWriter, ModuleBuild, Slab, StageBuild, TargetBuild
from .frontend.importer import Imported
from .frontend.source import METHOD
from .slab.weights import WeightTable, WeightUse, weight_uses
from .targets import Target
from .toolchain import iree
from .toolchain.children import Stopped
from .toolchain.optimizer import optimize
from .toolchain.tools import Tools

T = TypeVar("T")

# One at a time: loading infc's dialects into two contexts at once, in two threads, crashes the bindings.
BINDINGS = threading.Lock()


@dataclass(frozen=True)
class Lowered:
    """The program as IREE reads it, the weights in the order in which `mem-schedule` fetches them, and what one call
    computes."""

    text: str
    uses: tuple[WeightUse, ...]
    flops: int


@dataclass(frozen=True)
class Job:
    """One program to be built: a method, at all sizes or at the `sizes` of its dims.

    `label` tells its files apart from those of others, `.b8`; empty for the only one. `doubles` keeps f64: see
    `iree.compile_text`. `several` says that others read the same weights, each perhaps in a layout of its own: packed
    weights are then called after their layouts too. `candidate` says that there is another way if it does not compile.
    `further` are the passes before packing that not every compile has: the user's and the pipeline's (`named.ahead`).
    """

    imported: Imported
    method: str = METHOD
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    label: str = ""
    doubles: bool = False
    several: bool = False
    candidate: bool = False
    further: str = ""


@dataclass(frozen=True)
class Build:
    """One module to be made: a job for a target, as a part of a stage."""

    stage: str
    job: Job
    target: Target

    @property
    def key(self) -> "Key":
        """What tells it from the others of a compile."""
        return self.stage, self.job.label, self.target.name


Key = tuple[str, str, str]


@dataclass(frozen=True)
class Part:
    """One module of a stage: the program that it was made from, its method, the sizes of its bucket, and the masks that
    must hide no whole row; see `ModuleBuild`."""

    lowered: Lowered
    module: iree.Module
    dims: Mapping[str, int] = field(default_factory=dict[str, int])
    method: str = METHOD
    visible: tuple[str, ...] = ()


def lower(job: Job, tools: Tools) -> str:
    """The program as linalg on tensors, with what all targets share done to it."""
    if not job.imported.lowering:  # a stage, cut out of a program that was lowered
        return job.imported.text
    tools.temps.write(f"torch{job.label}.mlir", job.imported.text)
    linalg, shared = optimize(job.imported.text, [job.imported.lowering, named.shared(job.further)], tools)
    tools.temps.write(f"linalg{job.label}.mlir", linalg)
    return shared


def lay_out(text: str, target: Target, label: str, tools: Tools, *, several: bool = False) -> Lowered:
    """The lowered program with its weights in the layout and the types that the target wants."""
    # What IREE is given has no locations: a path of this machine is to get into no artifact.
    layout = named.layout(target.packing, target.storage, by_layout=several)
    infer, scheduled, bare = optimize(text, [layout, named.SCHEDULE, f"{named.FOR_IREE},strip-debuginfo"], tools)
    tools.temps.write(f"infer{label}.mlir", infer)
    tools.temps.write(f"iree{label}.mlir", bare)
    return Lowered(bare, *_read(scheduled))


def _read(text: str) -> tuple[tuple[WeightUse, ...], int]:
    """The weights that the module reads, in the order in which they have to come, and its floating point operations."""
    with BINDINGS:
        module = ir.Module.parse(text, make_context()).operation
        uses = weight_uses(module)
        turns = {key: turn for turn, key in enumerate(fetched(module))}
        # What has no bytes is in no schedule.
        return tuple(sorted(uses, key=lambda use: turns.get(use.key, len(turns)))), flops(module)


def build_all(
    builds: Sequence[Build], tools: Tools, stage: Callable[[str], AbstractContextManager[None]]
) -> dict[Key, Part | CompileError]:
    """Every module, or for a candidate why it does not compile. What several builds share is done once.

    `stage` is entered around each stage, with its name.

    Raises:
        CompileError: of the first that fails and is no candidate.
    """
    names = {each.target.packing: _file_name(each.target) for each in builds}
    several = len({each.target.name for each in builds}) > 1

    def label(build: Build) -> str:
        return build.job.label if len(names) == 1 else f"{build.job.label}.{names[build.target.packing]}"

    def layout(build: Build) -> Lowered | CompileError:
        text, job = shared[build.job.label], build.job
        if isinstance(text, CompileError):
            return text
        return _tried(job, lambda: lay_out(text, build.target, label(build), tools, several=job.several))

    def part(build: Build) -> Part | CompileError:
        found, job, target = lowered[build.job.label, build.target.packing], build.job, build.target
        if isinstance(found, CompileError):
            return found
        script = f"{job.label}.{_file_name(target)}" if several else job.label
        tools.temps.command(iree.flags(target, doubles=job.doubles), f"iree{label(build)}.mlir", script)
        module = _tried(job, lambda: iree.compile_text(found.text, target, tools, doubles=job.doubles))
        return module if isinstance(module, CompileError) else Part(found, module, job.sizes, job.method)

    jobs = {each.job.label: each.job for each in builds}
    layouts = {(each.job.label, each.target.packing): each for each in builds}
    with stage("lower"):
        texts = tools.map(lambda job: _tried(job, lambda: lower(job, tools)), jobs.values())
        shared = dict(zip(jobs, texts, strict=True))
        lowered = dict(zip(layouts, tools.map(layout, layouts.values()), strict=True))
    with stage("compile"):
        parts = tools.map(part, builds)
    return {each.key: made for each, made in zip(builds, parts, strict=True)}


def _tried(job: Job, make: Callable[[], T]) -> T | CompileError:
    try:
        return make()
    except Stopped:
        raise
    except CompileError as error:
        if job.candidate:
            return error
        raise


def uses_of(parts: Sequence[Part]) -> tuple[WeightUse, ...]:
    """The weights that the parts read, each once, in the order in which the first of them does."""
    found: dict[str, WeightUse] = {}
    for use in itertools.chain.from_iterable(part.lowered.uses for part in parts):
        first = found.setdefault(use.key, use)
        found[use.key] = replace(first, by_rows=first.by_rows and use.by_rows)
        if replace(first, by_rows=use.by_rows) != use:
            raise CompileError(
                f"weight {use.key!r} is read in two layouts, {found[use.key].layout} and {use.layout}",
                hint="this is a mistake of infc's: please report it, with --save-temps",
            )
    return tuple(found.values())


@dataclass(frozen=True)
class StageParts:
    """A stage as it was built for a target."""

    stage: str
    target: Target
    parts: Sequence[Part]


def write(
    writer: ArtifactWriter, weights: WeightTable, builds: Sequence[tuple[str, Sequence[StageParts]]]
) -> tuple[TargetBuild, ...]:
    """Puts modules and slabs into the artifact, for each way to run it with its name and its stages. Stages that read
    the same weights in the same layout share a slab."""
    slabs: dict[tuple[WeightUse, ...], Slab] = {}

    def written(one: StageParts) -> StageBuild:
        uses = uses_of(one.parts)
        if uses not in slabs:
            slabs[uses] = writer.add_slab(weights.data(list(uses)))
        return StageBuild(
            stage=one.stage,
            target=one.target.name,
            device=one.target.device,
            machine=one.target.machine,
            features=tuple(sorted({feature for part in one.parts for feature in part.module.features})),
            modules=tuple(_module(writer, part) for part in one.parts),
            slab=slabs[uses],
        )

    return tuple(
        TargetBuild(target=name, stages=tuple(map(written, stages)), verify=None, skipped=False)
        for name, stages in builds
    )


def _module(writer: ArtifactWriter, part: Part) -> ModuleBuild:
    return ModuleBuild(
        method=part.method,
        module=writer.add_blob(part.module.code, MODULE_MEDIA_TYPE),
        size=len(part.module.code),
        dims=dict(part.dims),
        visible=part.visible,
    )


def _file_name(target: Target) -> str:
    return target.name.replace(":", "-")
