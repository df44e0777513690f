"""What depends on the target: the IR that its weights' layout asks for, its machine code, its slab."""

import itertools
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch_mlir import ir

from infc.errors import CompileError

from ..passes import pipeline
from ..passes.cost import flops
from ..passes.runner import make_context
from ..runtime.artifact import MODULE_MEDIA_TYPE, ArtifactWriter, ModuleBuild, Slab, StageBuild, TargetBuild
from . import iree
from .importer import Imported
from .optimizer import optimize
from .source import METHOD
from .targets import Target
from .tools import Tools
from .weights import WeightTable, WeightUse, weight_uses

_BINDINGS = threading.Lock()


@dataclass(frozen=True)
class Lowered:
    """The program as IREE reads it, the weights in the order in which it does, and what one call computes."""

    text: str
    uses: tuple[WeightUse, ...]
    flops: int


@dataclass(frozen=True)
class Job:
    """One program to be built. `label` tells its files apart from those of others, `.b8`; empty for the only one.

    `doubles` keeps f64: see `iree.compile_text`. `several` says that others read the same weights, each perhaps in a
    layout of its own: packed weights are then called after their layouts too.
    """

    imported: Imported
    doubles: bool = False
    label: str = ""
    several: bool = False


@dataclass(frozen=True)
class Part:
    """One module of a stage: the program that it was made from, its method and the sizes of its bucket, see
    `ModuleBuild`."""

    lowered: Lowered
    module: iree.Module
    dims: Mapping[str, int] = field(default_factory=dict[str, int])
    method: str = METHOD


def lower(job: Job, tools: Tools) -> str:
    """The program as linalg on tensors, with what all targets share done to it."""
    tools.temps.write(f"torch{job.label}.mlir", job.imported.text)
    linalg, shared = optimize(job.imported.text, [job.imported.lowering, pipeline.SHARED], tools)
    tools.temps.write(f"linalg{job.label}.mlir", linalg)
    return shared


def lay_out(text: str, packing: str, label: str, tools: Tools, *, several: bool = False) -> Lowered:
    """The lowered program with its weights in the layout that the pass `packing` gives them."""
    # What IREE is given has no locations: a path of this machine is to get into no artifact.
    named = f"{packing}{{by-layout=1}}" if several and packing else packing
    infer, bare = optimize(text, [pipeline.layout(named), f"{pipeline.FOR_IREE},strip-debuginfo"], tools)
    tools.temps.write(f"infer{label}.mlir", infer)
    tools.temps.write(f"iree{label}.mlir", bare)
    return Lowered(bare, *_read(infer))


def _read(text: str) -> tuple[tuple[WeightUse, ...], int]:
    """The weights that the module reads, and its floating point operations."""
    # One at a time: loading infc's dialects into two contexts at once, in two threads, crashes the bindings.
    with _BINDINGS:
        module = ir.Module.parse(text, make_context()).operation
        return tuple(weight_uses(module)), flops(module)


def lower_all(jobs: Sequence[Job], targets: Sequence[Target], tools: Tools) -> list[list[Lowered]]:
    """Every program for each target, `[job][target]`. What targets share is done once.

    Raises:
        CompileError: of the first that fails.
    """
    shared = tools.map(lambda job: lower(job, tools), jobs)
    packings = _by_packing(targets)
    pairs = [(index, packing) for index in range(len(jobs)) for packing in packings]

    def one(pair: tuple[int, str]) -> Lowered:
        index, packing = pair
        label = _label(jobs[index], packing, packings)
        return lay_out(shared[index], packing, label, tools, several=jobs[index].several)

    found = dict(zip(pairs, tools.map(one, pairs), strict=True))
    return [[found[index, target.packing] for target in targets] for index in range(len(jobs))]


def compile_all(
    jobs: Sequence[Job], lowered: Sequence[Sequence[Lowered]], targets: Sequence[Target], tools: Tools
) -> list[list[iree.Module]]:
    """Machine code of every program for each target, `[job][target]`.

    Raises:
        CompileError: of the first that fails.
    """
    packings = _by_packing(targets)
    for job, target in itertools.product(jobs, targets):
        script = job.label if len(targets) == 1 else f"{job.label}.{_file_name(target)}"
        source = f"iree{_label(job, target.packing, packings)}.mlir"
        tools.temps.command(iree.flags(target, doubles=job.doubles), source, script)
    pairs = list(itertools.product(range(len(jobs)), range(len(targets))))

    def one(pair: tuple[int, int]) -> iree.Module:
        job, target = pair
        text, doubles = lowered[job][target].text, jobs[job].doubles
        return iree.compile_text(text, targets[target], tools, doubles=doubles)

    modules = iter(tools.map(one, pairs))
    return [[next(modules) for _ in targets] for _ in jobs]


def _by_packing(targets: Sequence[Target]) -> dict[str, Target]:
    return {target.packing: target for target in targets}


def _label(job: Job, packing: str, packings: Mapping[str, Target]) -> str:
    return job.label if len(packings) == 1 else f"{job.label}.{_file_name(packings[packing])}"


def uses_of(parts: Sequence[Part]) -> tuple[WeightUse, ...]:
    """The weights that the parts read, each once, in the order in which the first of them does."""
    found: dict[str, WeightUse] = {}
    for use in itertools.chain.from_iterable(part.lowered.uses for part in parts):
        if found.setdefault(use.key, use) != use:
            raise CompileError(
                f"weight {use.key!r} is read in two layouts, {found[use.key].layout} and {use.layout}",
                hint="this is a mistake of infc's: please report it, with --save-temps",
            )
    return tuple(found.values())


def write(
    writer: ArtifactWriter, stage: str, weights: WeightTable, builds: Sequence[tuple[Target, Sequence[Part]]]
) -> tuple[TargetBuild, ...]:
    """Puts modules and slabs into the artifact. Targets that read the same weights in the same layout share a slab."""
    slabs: dict[tuple[WeightUse, ...], Slab] = {}
    made: list[TargetBuild] = []
    for target, parts in builds:
        modules = tuple(
            ModuleBuild(
                method=part.method,
                module=writer.add_blob(part.module.code, MODULE_MEDIA_TYPE),
                size=len(part.module.code),
                dims=dict(part.dims),
            )
            for part in parts
        )
        uses = uses_of(parts)
        if uses not in slabs:
            slabs[uses] = writer.add_slab(weights.data(list(uses)))
        made.append(
            TargetBuild(
                target=target.name,
                device=target.device,
                machine=target.machine,
                features=tuple(sorted({feature for part in parts for feature in part.module.features})),
                stages=(StageBuild(stage=stage, modules=modules, slab=slabs[uses]),),
                verify=None,
                skipped=False,
            )
        )
    return tuple(made)


def _file_name(target: Target) -> str:
    return target.name.replace(":", "-")
