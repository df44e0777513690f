"""The one record of what was touched, whoever saw it: a plan, a request log, a sampler or a simulator."""

from collections.abc import Sequence
from typing import NamedTuple

# A chunk's digest in a store; any number that is one chunk's alone in a simulation.
ChunkId = str | int
ModelId = str | int


class Access(NamedTuple):
    """Who touched which chunk, when, and how heavy that is.

    Attributes:
        chunk: what was touched.
        model: on whose behalf.
        at: when, in seconds, on the clock of whoever recorded it. Policies own no clock.
        size: bytes of the chunk.
        cost: seconds that it takes to bring the chunk in again from the tier below.
        step: the chunk's place in the order in which the model touches its chunks, from 0.
        weight: how many touches this record stands for: 1, or the sampling period of a sampler.
    """

    chunk: ChunkId
    model: ModelId
    at: float
    size: int
    cost: float
    step: int
    weight: float = 1.0


def forward_pass(
    model: ModelId, chunks: Sequence[ChunkId], sizes: Sequence[int], *, at: float, latency: float, bandwidth: float
) -> list[Access]:
    """The accesses of one call of a model: each of its chunks once, in the order of its memory plan.

    Args:
        model: who is called.
        chunks: its chunks in the order of first use.
        sizes: their bytes.
        at: when, in seconds.
        latency: of the tier below, in seconds for a chunk.
        bandwidth: of the tier below, in bytes a second.
    """
    return [
        Access(chunk, model, at, size, latency + size / bandwidth, step)
        for step, (chunk, size) in enumerate(zip(chunks, sizes, strict=True))
    ]
