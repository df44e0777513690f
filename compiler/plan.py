"""What one compile makes: every module of the artifact in one list, for each stage, method, target and size."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from infc.errors import CompileError, UsageError

from .build import Build, Job, Key, Part
from .dynamic import Dynamic, candidates
from .dynamic.candidates import Plan, Way
from .dynamic.request import check_buckets, check_largest
from .frontend.export import Program
from .frontend.importer import Imported
from .slab.weights import WeightTable
from .targets import Target

STAGE = "main"  # of a model that is not cut: all of it

Stages = Callable[[str], AbstractContextManager[None]]  # entered around each stage of the compile, with its name


@dataclass(frozen=True)
class Entry:
    """A method on its way: what is decided about its dims, None where none varies, and the programs to be built."""

    program: Program
    decided: Plan | None
    jobs: tuple[Job, ...]

    def with_passes(self, further: str) -> "Entry":
        """The same with a user's passes, the text of a pipeline, in every job."""
        return replace(self, jobs=tuple(replace(job, further=further) for job in self.jobs))

    def builds(self, targets: Sequence[Target]) -> list[Build]:
        """The modules that are made of it."""
        return candidates.all_builds(STAGE, self.jobs, targets)

    def ways(self, target: Target, parts: Mapping[Key, Part | CompileError]) -> list[Way]:
        """What it can be run with on a target, in the order of preference; one where no dim varies.

        Raises:
            CompileError: none compiles.
        """
        return candidates.ways(STAGE, self.jobs, target, self.decided, parts)


def decide(programs: Sequence[Program], dynamic: Dynamic, seed: int) -> list[Plan | None]:
    """For each method what is to be tried where its dims vary.

    Raises:
        UsageError: the buckets that were asked for do not fit.
        SourceError: PyTorch fails on inputs like the example.
    """
    dims = {dim.name: dim for program in programs for dim in program.method.dims}
    if not dims and dynamic.buckets:
        raise UsageError("--bucket: no dim of the model varies", hint="--dynamic ids:0=batch[1..64] makes one vary")
    check_buckets(dynamic.buckets, dims.values())
    for program in programs:
        check_largest(program.method)
    return [_plan(program, dynamic, seed) if program.method.dims else None for program in programs]


def _plan(program: Program, dynamic: Dynamic, seed: int) -> Plan:
    own = {dim.name for dim in program.method.dims}
    asked = {name: sizes for name, sizes in dynamic.buckets.items() if name in own}
    return candidates.plan(program, asked, seed)


def entries(
    programs: Sequence[Program],
    imported: Sequence[Imported],
    decided: Sequence[Plan | None],
    weights: WeightTable,
    *,
    doubles: bool,
) -> list[Entry]:
    """Every method with its jobs, which share `weights`. Raises as `import_program`, for buckets."""
    several = len(programs) > 1
    found: list[Entry] = []
    for program, text, plan in zip(programs, imported, decided, strict=True):
        name = program.method.name
        like = Job(text, name, label=f".{name}" if several else "", doubles=doubles, several=several)
        found.append(Entry(program, plan, tuple(candidates.all_jobs(program, weights, plan, like))))
    return found
