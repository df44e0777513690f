"""What depends on the target: the IR that its weights' layout asks for, its machine code, its slab."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch_mlir import ir

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


@dataclass(frozen=True)
class Lowered:
    """The program as IREE reads it, the weights in the order in which it does, and what one call computes."""

    text: str
    uses: tuple[WeightUse, ...]
    flops: int


@dataclass(frozen=True)
class Job:
    """One program to be built. `label` tells its files apart from those of others, `.b8`; empty for the only one.

    `doubles` keeps f64: see `iree.compile_text`.
    """

    imported: Imported
    doubles: bool = False
    label: str = ""


def lower(job: Job, tools: Tools) -> str:
    """The program as linalg on tensors, with what all targets share done to it."""
    tools.temps.write(f"torch{job.label}.mlir", job.imported.text)
    linalg, shared = optimize(job.imported.text, [job.imported.lowering, pipeline.SHARED], tools)
    tools.temps.write(f"linalg{job.label}.mlir", linalg)
    return shared


def lay_out(text: str, packing: str, label: str, tools: Tools) -> Lowered:
    """The lowered program with its weights in the layout that the pass `packing` gives them."""
    # What IREE is given has no locations: a path of this machine is to get into no artifact.
    infer, bare = optimize(text, [pipeline.layout(packing), f"{pipeline.FOR_IREE},strip-debuginfo"], tools)
    tools.temps.write(f"infer{label}.mlir", infer)
    tools.temps.write(f"iree{label}.mlir", bare)
    module = ir.Module.parse(infer, make_context()).operation
    return Lowered(bare, tuple(weight_uses(module)), flops(module))


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
        return lay_out(shared[index], packing, _label(jobs[index], packing, packings), tools)

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


def write(
    writer: ArtifactWriter,
    stage: str,
    weights: WeightTable,
    programs: Sequence[tuple[Target, Lowered, iree.Module]],
) -> tuple[TargetBuild, ...]:
    """Puts modules and slabs into the artifact. Targets that read the same weights in the same layout share a slab."""
    slabs: dict[tuple[WeightUse, ...], Slab] = {}
    builds: list[TargetBuild] = []
    for target, lowered, module in programs:
        digest = writer.add_blob(module.code, MODULE_MEDIA_TYPE)
        if lowered.uses not in slabs:
            slabs[lowered.uses] = writer.add_slab(weights.data(list(lowered.uses)))
        code = ModuleBuild(method=METHOD, module=digest, size=len(module.code))
        built = StageBuild(stage=stage, modules=(code,), slab=slabs[lowered.uses])
        builds.append(
            TargetBuild(
                target=target.name,
                device=target.device,
                machine=target.machine,
                features=module.features,
                stages=(built,),
                verify=None,
                skipped=False,
            )
        )
    return tuple(builds)


def _file_name(target: Target) -> str:
    return target.name.replace(":", "-")
