"""The ways to run a model whose dims vary, built for every target: buckets, or one module that takes all sizes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from infc.errors import CompileError

from ..build import Build, Job, Key, Part
from ..frontend.export import Program, at_sizes
from ..frontend.importer import import_program
from ..slab.weights import WeightTable
from ..targets import Target
from .buckets import Sizes, choose, cover, trial_sizes
from .padding import Padding, show, try_padding
from .request import check_buckets


@dataclass(frozen=True)
class Plan:
    """What is decided before anything is compiled: the buckets, what padding to them does, and the sizes to compare.

    `asked` says that somebody chose the buckets; `covered` that one of them takes the largest sizes.
    """

    buckets: tuple[Sizes, ...]
    padding: Padding
    trials: tuple[Sizes, ...]
    asked: bool
    covered: bool


@dataclass(frozen=True)
class Way:
    """One candidate for one target: its modules in the order of preference, or why it does not compile."""

    name: str
    parts: tuple[Part, ...] = ()
    failure: str = ""


def plan(program: Program, asked: Mapping[str, tuple[int, ...]], seed: int) -> Plan:
    """The buckets for the program's dims, and whether PyTorch itself says that padding to them does no harm.

    Raises:
        UsageError: `asked` names dims that the model has not, or sizes out of their ranges.
        SourceError: PyTorch fails on inputs like the example.
    """
    dims = program.method.dims
    check_buckets(asked, dims)
    buckets = choose(dims, asked)
    trials = trial_sizes(dims, buckets, seed)
    found = try_padding(program, buckets, trials, seed)
    return Plan(tuple(buckets), found, tuple(trials), bool(asked), cover(dims, buckets))


def all_jobs(program: Program, weights: WeightTable, decided: Plan | None, own: Job) -> list[Job]:
    """The programs to be built for a method: the one that takes all sizes, then one for each bucket.

    Args:
        weights: gets the weights of the buckets, which are those of `own`.
        decided: what is to be tried where dims vary; None where none does.
        own: the program as it is; its label begins those of all.
    """
    if decided is None:
        return [own]
    common = replace(own, several=True, candidate=True)
    found = [replace(common, label=f"{own.label}.dynamic")]
    for bucket in () if decided.padding.harm else decided.buckets:
        label = f"{own.label}.{'-'.join(f'{name}{size}' for name, size in bucket.items())}"
        fixed = import_program(at_sizes(program, bucket), weights)
        found.append(replace(common, imported=fixed, sizes=bucket, label=label))
    return found


def all_builds(stage: str, jobs: Sequence[Job], targets: Sequence[Target]) -> list[Build]:
    """The modules to be made of a method's jobs: each for each target, and where the dims vary without packing too."""
    found = [Build(stage, job, target) for target in targets for job in jobs]
    found += [Build(stage, jobs[0], _plain(target)) for target in targets if jobs[0].candidate and target.packing]
    return found


def ways(
    stage: str,
    jobs: Sequence[Job],
    target: Target,
    decided: Plan | None,
    parts: Mapping[Key, Part | CompileError],
) -> list[Way]:
    """The candidates for a target, in the order of preference. One that does not compile is there, and says why.

    Where no dim varies there is one.

    Raises:
        CompileError: no candidate compiles.
    """

    def part(job: Job, of: Target = target) -> Part | CompileError:
        return parts[Build(stage, job, of).key]

    if decided is None:
        return [_way("", [part(jobs[0])])]
    found = [_way("dynamic, packed weights" if target.packing else "dynamic", [part(jobs[0])])]
    both = [part(jobs[0])]
    if target.packing:
        both.append(part(jobs[0], _plain(target)))
        found.append(_way("dynamic", both[1:]))
    if len(jobs) > 1:
        own = [_where_visible(part(job), decided.padding) for job in jobs[1:]]
        rest = [] if decided.covered and not decided.padding.visible else [_first_made(both)]
        found.insert(0, _way(bucket_name(decided), [*own, *rest]))
    if not any(way.parts for way in found):
        raise next(each for job in jobs if isinstance(each := part(job), CompileError))
    return found


def _first_made(parts: Sequence[Part | CompileError]) -> Part | CompileError:
    """The module for calls that no bucket is for, or why there is none."""
    return next((part for part in parts if isinstance(part, Part)), parts[0])


def _where_visible(part: Part | CompileError, padding: Padding) -> Part | CompileError:
    return replace(part, visible=padding.visible) if isinstance(part, Part) else part


def bucket_name(decided: Plan) -> str:
    """`buckets batch=1, seq=16; batch=8, seq=64`, and for which calls they are not."""
    buckets = f"buckets {'; '.join(map(show, decided.buckets))}"
    masks = " or ".join(decided.padding.visible)
    return f"{buckets}; dynamic where {masks} hides a whole row" if masks else buckets


def _way(name: str, parts: Sequence[Part | CompileError]) -> Way:
    failure = next((part for part in parts if isinstance(part, CompileError)), None)
    if failure is not None:
        return Way(name, failure=f"does not compile: {failure.message}")
    return Way(name, tuple(part for part in parts if isinstance(part, Part)))


def _plain(target: Target) -> Target:
    """The target with its weights as PyTorch has them; its name tells its files apart."""
    return replace(target, name=f"{target.name}-plain", packing="")
