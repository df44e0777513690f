"""The ways to run a model whose dims vary, built for every target: buckets, or one module that takes all sizes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from infc.errors import CompileError

from .. import build, iree
from ..build import Job, Part
from ..export import Program, at_sizes
from ..importer import Imported, import_program
from ..targets import Target
from ..tools import Tools
from ..weights import WeightTable
from .buckets import Sizes, choose, cover, trial_sizes
from .padding import harm, show
from .request import check_buckets


@dataclass(frozen=True)
class Plan:
    """What is decided before anything is compiled: the buckets, why they would be wrong, and the sizes to compare.

    `asked` says that somebody chose the buckets; `covered` that one of them takes the largest sizes.
    """

    buckets: tuple[Sizes, ...]
    harm: str
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
    found = harm(program, buckets, trials, seed)
    return Plan(tuple(buckets), found, tuple(trials), bool(asked), cover(dims, buckets))


def import_all(
    program: Program, imported: Imported, weights: WeightTable, decided: Plan, *, doubles: bool
) -> list[tuple[Sizes, Job]]:
    """The programs to be built: the one that takes all sizes, then one for each bucket. They share `weights`."""
    found: list[tuple[Sizes, Job]] = [({}, Job(imported, doubles, ".dynamic", several=True))]
    for bucket in () if decided.harm else decided.buckets:
        label = f".{'-'.join(f'{name}{size}' for name, size in bucket.items())}"
        fixed = import_program(at_sizes(program, bucket), weights)
        found.append((bucket, Job(fixed, doubles, label, several=True)))
    return found


def build_all(
    programs: Sequence[tuple[Sizes, Job]], targets: Sequence[Target], decided: Plan, tools: Tools
) -> list[list[Way]]:
    """The candidates for each target, in the order of preference. One that does not compile is there, and says why.

    Raises:
        CompileError: no candidate for a target compiles.
    """
    lowered = tools.map(lambda each: _lowered(each[1], tools), programs)
    wanted = [(number, target) for target in targets for number in range(len(programs))]
    wanted += [(0, _plain(target)) for target in targets if target.packing]
    made = tools.map(lambda each: _part(*programs[each[0]], lowered[each[0]], each[1], tools), wanted)
    parts = dict(zip(wanted, made, strict=True))
    return [_ways(programs, target, decided, parts) for target in targets]


def _ways(
    programs: Sequence[tuple[Sizes, Job]],
    target: Target,
    decided: Plan,
    parts: Mapping[tuple[int, Target], Part | CompileError],
) -> list[Way]:
    found: list[Way] = []
    if target.packing:
        found.append(_way("dynamic, packed weights", [parts[0, target]]))
        found.append(_way("dynamic", [parts[0, _plain(target)]]))
    else:
        found.append(_way("dynamic", [parts[0, target]]))
    if len(programs) > 1:
        own = [parts[number, target] for number in range(1, len(programs))]
        rest = next((way.parts for way in found if way.parts), ())
        found.insert(0, _way(bucket_name(decided), [*own, *(() if decided.covered else rest)]))
    if not any(way.parts for way in found):
        raise next(part for part in parts.values() if isinstance(part, CompileError))
    return found


def bucket_name(decided: Plan) -> str:
    """`buckets batch=1, seq=16; batch=8, seq=64`."""
    return f"buckets {'; '.join(map(show, decided.buckets))}"


def _way(name: str, parts: Sequence[Part | CompileError]) -> Way:
    failure = next((part for part in parts if isinstance(part, CompileError)), None)
    if failure is not None:
        return Way(name, failure=f"does not compile: {failure.message}")
    return Way(name, tuple(part for part in parts if isinstance(part, Part)))


def _plain(target: Target) -> Target:
    """The target with its weights as PyTorch has them; its name tells its files apart."""
    return replace(target, name=f"{target.name}-plain", packing="")


def _lowered(job: Job, tools: Tools) -> str | CompileError:
    try:
        return build.lower(job, tools)
    except CompileError as error:
        return error


def _part(sizes: Sizes, job: Job, text: str | CompileError, target: Target, tools: Tools) -> Part | CompileError:
    if isinstance(text, CompileError):
        return text
    label = f"{job.label}.{target.name.replace(':', '-')}"
    try:
        lowered = build.lay_out(text, target.packing, label, tools, several=True)
        tools.temps.command(iree.flags(target, doubles=job.doubles), f"iree{label}.mlir", label)
        return Part(lowered, iree.compile_text(lowered.text, target, tools, doubles=job.doubles), sizes)
    except CompileError as error:
        return error
