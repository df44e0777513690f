"""What depends on the target: the IR that its weights' layout asks for, its machine code, its slab."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from torch_mlir import ir

from ..passes import pipeline
from ..passes.cost import flops
from ..runtime.artifact import MODULE_MEDIA_TYPE, ArtifactWriter, ModuleBuild, Slab, StageBuild, TargetBuild
from . import iree
from .interface import METHOD
from .targets import Target
from .temps import Temps
from .weights import WeightTable, WeightUse, weight_uses


@dataclass(frozen=True)
class Lowered:
    """The program as IREE reads it, the weights in the order in which it does, and what one call computes."""

    text: str
    uses: tuple[WeightUse, ...]
    flops: int


def lower(module: ir.Module, targets: Sequence[Target], temps: Temps) -> list[Lowered]:
    """The program for each target, from linalg on tensors. What the targets share is done once."""
    pipeline.run(module.operation, pipeline.SHARED)
    by_packing = {target.packing: target for target in targets}
    lowered: dict[str, Lowered] = {}
    for packing, target in by_packing.items():
        label = "" if len(by_packing) == 1 else f".{_file_name(target)}"
        lowered[packing] = _lower(module.operation.clone(), packing, temps, label)
    return [lowered[target.packing] for target in targets]


def _lower(module: Any, packing: str, temps: Temps, label: str) -> Lowered:
    pipeline.run(module, pipeline.layout(packing))
    temps.write(f"infer{label}.mlir", module)
    uses = tuple(weight_uses(module))
    work = flops(module)
    # What follows is IREE's: its dialects are text to us.
    module.context.allow_unregistered_dialects = True
    pipeline.run(module, pipeline.FOR_IREE)
    module.context.allow_unregistered_dialects = False
    temps.write(f"iree{label}.mlir", module)
    return Lowered(module.get_asm(), uses, work)


def compile_all(
    lowered: Sequence[Lowered], targets: Sequence[Target], temps: Temps, *, doubles: bool
) -> list[iree.Module]:
    """Machine code for each target, as many at a time as this process may use cores.

    Raises:
        CompileError: of the first target that fails.
    """
    by_packing = {target.packing: target for target in targets}
    for target in targets:
        label = "" if len(by_packing) == 1 else f".{_file_name(by_packing[target.packing])}"
        script = "" if len(targets) == 1 else f".{_file_name(target)}"
        temps.command(iree.flags(target, doubles=doubles), f"iree{label}.mlir", script)
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        jobs = [
            threads.submit(iree.compile_text, each.text, target, doubles=doubles)
            for each, target in zip(lowered, targets, strict=True)
        ]
        return [job.result() for job in jobs]


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
