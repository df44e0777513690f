"""Reading ahead the few rows that a call needs of an embedding table, while its weights are not all in memory yet.

A table that is read by rows comes last of all weights: a call touches little of it. What it does touch would come by
page faults, one at a time, each behind everything that is being read already. So the rows are asked for at once.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..artifact import CHUNK_SIZE, PAGE_SIZE, Slab, SlabWeight, TensorSpec
from . import kernel

LEAST = 2 * CHUNK_SIZE  # bytes; a smaller table comes in its turn, whole
MOST = 1 / 4  # of a table's pages; a call that reads more of them reads it whole


@dataclass(frozen=True, slots=True)
class Table:
    """A mapped table of `rows` rows of `stride` bytes each, and the place of the input that names rows of it."""

    place: int
    address: int
    rows: int
    stride: int

    def want(self, numbers: np.ndarray) -> None:
        """Has the kernel read the rows with these numbers, integers from 0 to `rows` - 1, and does not wait for it."""
        pages = touched(numbers, self.address, self.stride)
        if len(pages) * PAGE_SIZE > MOST * self.rows * self.stride:
            kernel.read_ahead(self.address // PAGE_SIZE * PAGE_SIZE, self.rows * self.stride)
            return
        for first, last in runs(pages):
            kernel.read_ahead(first * PAGE_SIZE, (last - first) * PAGE_SIZE)


def touched(numbers: np.ndarray, address: int, stride: int) -> np.ndarray:
    """The numbers of the pages on which rows of `stride` bytes lie, ascending, each once."""
    starts = address + np.unique(numbers).astype(np.int64) * stride
    first, last = starts // PAGE_SIZE, (starts + stride - 1) // PAGE_SIZE
    most = int((last - first).max(initial=0))
    return np.unique(np.concatenate([np.minimum(first + step, last) for step in range(most + 1)]))


def runs(pages: np.ndarray) -> Iterator[tuple[int, int]]:
    """Pages that lie side by side as ranges, each its first and the one behind its last."""
    if not len(pages):
        return
    cuts = [0, *(np.flatnonzero(np.diff(pages) > 1) + 1).tolist(), len(pages)]
    for start, end in pairwise(cuts):
        yield int(pages[start]), int(pages[end - 1]) + 1


def tables(inputs: Iterable[tuple[int, TensorSpec]], slab: Slab, address: int) -> Iterator[tuple[str, Table]]:
    """The tables of a slab that inputs of a call name rows of, by their keys.

    Args:
        inputs: those that the slab's stage takes as the caller gave them, with their places.
        slab: the weights of the stage.
        address: where they are mapped.
    """
    for place, spec in inputs:
        for weight in slab.weights:
            if _names_rows_of(spec, weight):
                rows = weight.shape[0]
                yield weight.key, Table(place, address + weight.offset, rows, weight.length // rows)


def _names_rows_of(spec: TensorSpec, weight: SlabWeight) -> bool:
    """The compiler bounds an index into a table by the table's rows."""
    return weight.by_rows and weight.length >= LEAST and spec.high is not None and spec.high + 1 == weight.shape[0]


def order_of_need(slab: Slab, last: Collection[str]) -> Sequence[int]:
    """The numbers of the slab's chunks in the order in which a forward pass first reads one of their weights, those
    that hold nothing but weights of which the keys are in `last` at the end."""
    turns: dict[int, tuple[bool, int]] = {}
    for turn, weight in enumerate(slab.weights):
        rank = (weight.key in last, turn)
        for chunk in range(weight.offset // CHUNK_SIZE, -(-(weight.offset + weight.length) // CHUNK_SIZE)):
            turns[chunk] = min(turns.get(chunk, rank), rank)
    return sorted(range(len(slab.chunks)), key=lambda chunk: (turns.get(chunk, (True, 0)), chunk))
