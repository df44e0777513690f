"""One call of a model, watched: which of its chunks are touched, in which order, against what its memory plan says."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..artifact import CHUNK_SIZE, Artifact
from ..session import Session
from .access import Access
from .sampling import Sampler, Sampling, Touch


class ChunkTrace(msgspec.Struct, frozen=True):
    """A chunk of a slab. `seen` is its place in the order in which chunks were touched; -1: it was not."""

    stage: str
    chunk: str
    seen: int
    samples: int


class Trace(msgspec.Struct, frozen=True):
    """What was seen.

    Attributes:
        model: its name.
        sampler: what saw it.
        samples: touches of its weights that were sampled.
        lost: samples, of anything, that there was no room for.
        in_order: share of the touched chunks that were touched after the one before them in the plan.
        chunks: in the order of the plan.
    """

    model: str
    sampler: str
    samples: int
    lost: int
    in_order: float
    chunks: tuple[ChunkTrace, ...]


def trace_call(
    artifact: Artifact, inputs: Mapping[str, np.ndarray], sampler: Sampler, method: str | None = None
) -> Trace:
    """Runs a model twice here, the second time sampled, from page tables that hold none of its weights.

    Args:
        artifact: the model; for the CPU.
        inputs: an array for each input, by name.
        sampler: what looks.
        method: the entry point; the first by default.

    Raises:
        InfcError: the kernel gives no samples, or the model does not run.
    """
    with Session.attach(artifact, load=False) as session:
        session.run(inputs, method)  # threads, arenas and the files' pages are there now
        plan = [
            (stage.weights.address + number * CHUNK_SIZE, stage.name, chunk)
            for stage in session.stages.values()
            for number, chunk in enumerate(stage.chunks)
        ]
        session.release({chunk for _, _, chunk in plan})
        with Sampling(sampler) as sampling:
            session.run(inputs, method)
        touches = sampling.touches()
    accesses = list(_accesses(artifact.config.name, plan, touches, sampler))
    first: dict[int, int] = {}
    for access in accesses:
        first.setdefault(access.step, len(first))
    samples = Counter(access.step for access in accesses)
    return Trace(
        model=artifact.config.name,
        sampler=sampler.name,
        samples=len(accesses),
        lost=sampling.lost,
        in_order=_in_order([first[step] for step in sorted(first)]),
        chunks=tuple(
            ChunkTrace(stage, chunk, first.get(step, -1), samples[step]) for step, (_, stage, chunk) in enumerate(plan)
        ),
    )


def show_trace(trace: Trace, console: Console) -> None:
    """A line for each chunk, and one for all of them."""
    table = Table("step", "stage", "chunk", box=None, padding=(0, 2))
    for column in ("touched as", "samples"):
        table.add_column(column, justify="right")
    for step, each in enumerate(trace.chunks):
        seen = str(each.seen) if each.seen >= 0 else "never"
        table.add_row(str(step), Text(each.stage), each.chunk[:19], seen, str(each.samples))
    console.print(table)
    touched = sum(each.seen >= 0 for each in trace.chunks)
    console.print(
        f"{trace.model}: {touched} of {len(trace.chunks)} chunks touched, {100 * trace.in_order:.0f} % in the order of "
        f"the plan, {trace.samples} samples by {trace.sampler}, {trace.lost} lost",
        markup=False,
    )


def _accesses(
    model: str, plan: Sequence[tuple[int, str, str]], touches: Sequence[Touch], sampler: Sampler
) -> Iterator[Access]:
    """The samples that touched a weight, in seconds since the first of them."""
    by_address = sorted((address, step) for step, (address, _, _) in enumerate(plan))
    starts = [address for address, _ in by_address]
    began: int | None = None
    for touch in touches:
        place = bisect_right(starts, touch.address) - 1
        if place < 0 or touch.address >= starts[place] + CHUNK_SIZE:
            continue
        began = touch.at if began is None else began
        step = by_address[place][1]
        yield Access(plan[step][2], model, (touch.at - began) / 1e9, CHUNK_SIZE, 0.0, step, sampler.weight)


def _in_order(seen: list[int]) -> float:
    pairs = list(pairwise(seen))
    return sum(before < after for before, after in pairs) / len(pairs) if pairs else 1.0
