"""A model in stages: cut, and every stage built for the targets of its placement."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from infc.errors import CompileError, UsageError

from ..passes.sizes import parse_size
from ..runtime.artifact import Config, Stage, Wiring
from .build import Build, Job, Part, StageParts, build_all, lower
from .cutting import Cut, Piece, cut
from .cutting_options import Cutting
from .dynamic import Dynamic
from .frontend.importer import Imported
from .plan import Entry, Stages
from .targets import TARGETS, Target
from .toolchain.tools import Tools


@dataclass(frozen=True)
class Staged:
    """The stages, each method's way through them, and for each way to run the model its name and its built stages."""

    stages: tuple[Stage, ...]
    wiring: tuple[Wiring, ...]
    builds: tuple[tuple[str, tuple[StageParts, ...]], ...]

    def described(self, config: Config) -> Config:
        """The config with the stages and their wiring."""
        return msgspec.structs.replace(config, stages=self.stages, wiring=self.wiring)


def check(methods: Sequence[Entry], how: Cutting, dynamic: Dynamic) -> None:
    """Raises UsageError for what does not go into stages: buckets."""
    dims = [dim.name for entry in methods for dim in entry.program.method.dims]
    if dims and dynamic.buckets:
        raise UsageError(
            "--bucket is for models that are not cut: a model in stages has one module for all sizes",
            hint="leave out --bucket, or --stages, --stage-memory and --split",
        )


def build_stages(
    methods: Sequence[Entry], how: Cutting, targets: Sequence[Target], tools: Tools, stage: Stages
) -> Staged:
    """Cut the methods and build the stages, at the same time. Where dims vary, each stage takes all sizes.

    What two methods have at the same place is one stage, with a module for each: the weights that both read are there
    once.

    Raises:
        CompileError: a method cannot be cut like that, or a stage does not compile; names the stage.
    """
    cuts = _cuts(methods, how, tools, stage)
    places = {piece.name: piece.placement for each in cuts for piece in each.pieces}
    ways = _ways(places, targets)
    jobs: dict[str, list[Job]] = {name: [] for name in places}
    for entry, each in zip(methods, cuts, strict=True):
        several = f".{each.wiring.method}" if len(methods) > 1 else ""
        for piece in each.pieces:
            jobs[piece.name].append(
                replace(
                    entry.jobs[0],
                    imported=Imported(piece.text, ""),
                    label=f"{several}.{piece.name}",
                    several=len(methods) > 1,
                    candidate=True,
                )
            )
    wanted = dict.fromkeys((name, target) for _, where in ways for name, target in where.items())
    parts = build_all([Build(name, job, target) for name, target in wanted for job in jobs[name]], tools, stage)

    def part(name: str, job: Job, target: Target) -> Part:
        found = parts[Build(name, job, target).key]
        if isinstance(found, CompileError):
            raise _of_stage(found, name, places[name], target)
        return found

    builds = tuple(
        (
            title,
            tuple(
                StageParts(name, target, tuple(part(name, job, target) for job in jobs[name]))
                for name, target in where.items()
            ),
        )
        for title, where in ways
    )
    stages = tuple(Stage(name=name, placement=placement) for name, placement in places.items())
    return Staged(stages, tuple(each.wiring for each in cuts), builds)


def _cuts(methods: Sequence[Entry], how: Cutting, tools: Tools, stage: Stages) -> list[Cut]:
    """Each method's stages, with the names that they have in the model."""
    names: dict[tuple[str, int], str] = {}
    found: list[Cut] = []
    texts: list[str] = []
    for entry in methods:
        job = entry.jobs[0]
        with stage("lower"):
            lowered = lower(job, tools)
        with stage("cut"):
            each = cut(
                lowered,
                entry.program.method,
                how,
                tools,
                doubles=job.doubles,
                label=job.label,
                several=len(methods) > 1,
            )
        seen: Counter[str] = Counter()
        own: dict[str, str] = {}
        for piece in each.pieces:
            place = piece.placement, seen[piece.placement]
            own[piece.name] = names.setdefault(place, f"stage{len(names)}")
            seen[piece.placement] += 1
        found.append(each.renamed(own))
        texts.append(lowered)
    if unknown := sorted(set.intersection(*(set(each.unused) for each in found))):
        first = methods[0].program.method
        only = replace(how, split=f"{unknown[0]}:a;*:b")
        cut(texts[0], first, only, tools, doubles=methods[0].jobs[0].doubles)  # says what is wrong with it
    _check_memory(found, how)
    return found


def _check_memory(cuts: Sequence[Cut], how: Cutting) -> None:
    """Each method fits by itself, the cost model knows; the weights of all of them have to fit together."""
    sizes = [parse_size(text) for text in how.sizes]
    stages: dict[str, list[Piece]] = {}
    for piece in (piece for each in cuts for piece in each.pieces):
        stages.setdefault(piece.name, []).append(piece)
    for number, (name, pieces) in enumerate(stages.items() if sizes else ()):
        size = sizes[min(number, len(sizes) - 1)]
        weights = {key: length for piece in pieces for key, length in piece.weights.items()}
        if len(pieces) > 1 and sum(weights.values()) > size:
            raise CompileError(
                f"stage {name!r} does not fit: {pieces[0].placement} has {size} bytes and lacks "
                f"{sum(weights.values()) - size} for the weights of {len(pieces)} methods",
                hint="more memory, narrower weights (--cast-weights, --quantize), or --split by the names of modules",
                stage="infer-partition",
            )


def _of_stage(error: CompileError, stage: str, placement: str, target: Target) -> CompileError:
    """The error, with the stage that it is of; the tool, the command and the reproducer stay."""
    error.message = f"stage {stage!r} (placement {placement!r}, for {target.name}): {error.message}"
    error.args = (error.message, *error.args[1:])
    return error


def target_of(placement: str) -> Target | None:
    """The target that a placement names: `vulkan`, `vulkan1`, `cpu:x86-64-v3`; None for a word of its own, `gpu0`."""
    return TARGETS.get(placement) or TARGETS.get(placement.rstrip("0123456789"))


def _ways(places: Mapping[str, str], targets: Sequence[Target]) -> list[tuple[str, Mapping[str, Target]]]:
    """The ways to run the model, one for each target: it is that of the stages whose placements name none."""
    ways: dict[str, Mapping[str, Target]] = {}
    for target in targets:
        where = {
            name: replace(target_of(placement) or target, storage=target.storage) for name, placement in places.items()
        }
        ways.setdefault("+".join(dict.fromkeys(each.name for each in where.values())), where)
    return list(ways.items())
