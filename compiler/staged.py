"""A model in stages: cut, and every stage built for the targets of its placement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from infc.errors import CompileError, UsageError

from ..runtime.artifact import Config, Stage
from .build import Build, Job, StageParts, build_all, lower
from .cutting import Cut, cut
from .cutting_options import Cutting
from .frontend.importer import Imported
from .plan import Entry, Stages
from .targets import TARGETS, Target
from .toolchain.tools import Tools


@dataclass(frozen=True)
class Staged:
    """The stages, and for each way to run the model its name and its stages as they were built."""

    cut: Cut
    builds: tuple[tuple[str, tuple[StageParts, ...]], ...]

    def described(self, config: Config) -> Config:
        """The config with the stages and their wiring."""
        stages = tuple(Stage(name=piece.name, placement=piece.placement) for piece in self.cut.pieces)
        return msgspec.structs.replace(config, stages=stages, wiring=(self.cut.wiring,))


def check_methods(methods: Sequence[Entry]) -> None:
    """Raises UsageError for what does not go into stages yet: several methods, and dims that vary."""
    if len(methods) > 1:
        raise UsageError(
            f"a model of {len(methods)} methods is not cut into stages yet: "
            f"{', '.join(entry.program.method.name for entry in methods)}",
            hint="compile one --method, or leave out --stages, --stage-memory and --split",
        )
    if dims := methods[0].program.method.dims:
        raise UsageError(
            f"a model whose dims vary is not cut into stages yet: {', '.join(dim.name for dim in dims)}",
            hint="compile it for fixed sizes, or leave out --stages, --stage-memory and --split",
        )


def build_stages(entry: Entry, how: Cutting, targets: Sequence[Target], tools: Tools, stage: Stages) -> Staged:
    """Cut a method and build its stages, at the same time.

    Raises:
        CompileError: it cannot be cut like that, or a stage does not compile.
    """
    (job,) = entry.jobs
    with stage("lower"):
        lowered = lower(job, tools)
    with stage("cut"):
        found = cut(lowered, entry.program.method, how, tools, doubles=job.doubles)
    ways = _ways(found, targets)
    jobs = {
        piece.name: Job(Imported(piece.text, ""), job.method, label=f".{piece.name}", doubles=job.doubles)
        for piece in found.pieces
    }
    wanted = dict.fromkeys((name, target) for _, places in ways for name, target in places.items())
    parts = build_all([Build(name, jobs[name], target) for name, target in wanted], tools, stage)
    builds: list[tuple[str, tuple[StageParts, ...]]] = []
    for title, places in ways:
        stages: list[StageParts] = []
        for name, target in places.items():
            part = parts[name, jobs[name].label, target.name]
            if isinstance(part, CompileError):
                raise part
            stages.append(StageParts(name, target, (part,)))
        builds.append((title, tuple(stages)))
    return Staged(found, tuple(builds))


def target_of(placement: str) -> Target | None:
    """The target that a placement names: `vulkan`, `vulkan1`, `cpu:x86-64-v3`; None for a word of its own, `gpu0`."""
    return TARGETS.get(placement) or TARGETS.get(placement.rstrip("0123456789"))


def _ways(found: Cut, targets: Sequence[Target]) -> list[tuple[str, Mapping[str, Target]]]:
    """The ways to run the model, one for each target: it is that of the stages whose placements name none."""
    ways: dict[str, Mapping[str, Target]] = {}
    for target in targets:
        places = {
            piece.name: replace(target_of(piece.placement) or target, storage=target.storage) for piece in found.pieces
        }
        ways.setdefault("+".join(dict.fromkeys(each.name for each in places.values())), places)
    return list(ways.items())
