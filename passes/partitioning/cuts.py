"""The places where a graph can be cut, and what lies between any two of them.

A cut is a set of nodes that no value leaves backwards (a down-set of the graph); a stage is what one cut holds more
than another. With all cuts, the search over them is exact, whatever the graph: this is the dynamic program over ideals
of Tarnawski et al., "Efficient Algorithms for Device Placement of DNN Graph Operators" (2020). Their number may be
exponential, so that a graph with too many is cut along one topological order only: exact for a chain, where that is the
only order, and a heuristic elsewhere.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from .graph import Device, Graph, load_of

MOST_CUTS = 260  # pairs of them are looked at one by one

Vector = np.ndarray


@dataclass(frozen=True)
class Stages:
    """All stages that end at one cut: element i of each vector is about the one that begins at cut i.

    Where `possible` is false, cut i does not lie in the cut at the end.
    """

    possible: Vector
    flops: Vector
    weights: Vector
    read: Vector
    received: Vector
    working_set: Vector

    def seconds(self, device: Device) -> Vector:
        """The time of each stage on `device`, infinite where it is impossible."""
        compute = np.maximum(self.flops / device.flops, self.read / device.bandwidth)
        return np.where(self.possible, compute + self.received / device.link, np.inf)

    def overflow(self, device: Device) -> Vector:
        """The bytes of each stage that `device` has no memory for, infinite where the stage is impossible."""
        if device.memory is None:
            return np.where(self.possible, 0.0, np.inf)
        missing = self.weights + self.received + self.working_set - device.memory
        return np.where(self.possible, np.maximum(missing, 0.0), np.inf)


class Cuts(Protocol):
    """Cuts, each after those that it contains, the first empty and the last with every node. `exact`: all there are."""

    @property
    def count(self) -> int:
        """How many there are."""
        ...

    @property
    def exact(self) -> bool:
        """Whether these are all."""
        ...

    def ends(self) -> Iterator[Stages]:
        """For each cut but the first, in their order, the stages that end there, from all cuts before it.

        One after the other, since all together take as much memory as the square of their number. What is yielded
        holds until the next is asked for.
        """
        ...

    def between(self, first: int, last: int) -> tuple[int, ...]:
        """The nodes of the stage from cut `first` to cut `last`, ascending."""
        ...


def find_cuts(graph: Graph, most: int = MOST_CUTS) -> Cuts:
    """All cuts of `graph` when there are at most `most` or it is a chain, else those along its nodes' order."""
    if all(position - 1 in needs for position, needs in enumerate(graph.predecessors) if position):
        return AlongTheOrder(graph, exact=True)
    ideals = _ideals(graph, most)
    return AlongTheOrder(graph, exact=False) if ideals is None else Ideals(graph, tuple(ideals))


def _ideals(graph: Graph, most: int) -> list[frozenset[int]] | None:
    # A node joins a set when its predecessors are in it; every down-set is reached from the empty one.
    found = [frozenset[int]()]
    known = {found[0]}
    for ideal in found:
        for node, needs in enumerate(graph.predecessors):
            if node in ideal or not needs <= ideal:
                continue
            larger = ideal | {node}
            if larger not in known:
                if len(known) >= most:
                    return None
                known.add(larger)
                found.append(larger)
    return found


@dataclass(frozen=True)
class Ideals:
    """Every cut of a graph that has few of them."""

    graph: Graph
    members: tuple[frozenset[int], ...]
    exact: bool = True

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.members)

    @cached_property
    def _ends(self) -> list[Stages]:
        return [self._end(last) for last in range(1, self.count)]

    def ends(self) -> Iterator[Stages]:
        """See `Cuts`."""
        return iter(self._ends)

    def between(self, first: int, last: int) -> tuple[int, ...]:
        """See `Cuts`."""
        return tuple(sorted(self.members[last] - self.members[first]))

    def _end(self, last: int) -> Stages:
        outer = self.members[last]
        possible = np.array([inner < outer for inner in self.members[:last]])
        loads = [load_of(self.graph, outer - inner if inner < outer else ()) for inner in self.members[:last]]
        columns = np.array(
            [(each.flops, each.weights, each.read, each.received, each.working_set) for each in loads], dtype=float
        )
        return Stages(possible, *columns.T)


@dataclass(frozen=True)
class AlongTheOrder:
    """The cuts between two nodes that follow each other in the graph's order."""

    graph: Graph
    exact: bool

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.graph.nodes) + 1

    def between(self, first: int, last: int) -> tuple[int, ...]:
        """See `Cuts`."""
        return tuple(range(first, last))

    def ends(self) -> Iterator[Stages]:
        """See `Cuts`. A stage counts a weight, or a value from before it, by the first of its nodes that reads it."""
        flops, weights, read, received, working_set = (np.zeros(self.count) for _ in range(5))
        possible = np.ones(self.count, dtype=bool)
        reads = _reads(self.graph)
        for node, described in enumerate(self.graph.nodes):
            end = node + 1
            flops[:end] += described.flops
            for begin, size in reads[node].weights:
                weights[begin:end] += size
            for begin, size in reads[node].whole:
                read[begin:end] += size
            for begin, size in reads[node].values:
                received[begin:end] += size
            np.maximum(working_set[:end], self.graph.working_sets[node], out=working_set[:end])
            yield Stages(possible[:end], flops[:end], weights[:end], read[:end], received[:end], working_set[:end])


@dataclass(frozen=True)
class _Reads:
    """What a node reads, each with its size and the first cut from which on a stage has no earlier reader of it."""

    weights: list[tuple[int, int]]
    whole: list[tuple[int, int]]
    values: list[tuple[int, int]]


def _reads(graph: Graph) -> Sequence[_Reads]:
    found = [_Reads([], [], []) for _ in graph.nodes]
    behind: dict[str, int] = {}
    behind_whole: dict[str, int] = {}
    for node, described in enumerate(graph.nodes):
        for keys, places, last in (
            (described.weights, found[node].weights, behind),
            (described.whole, found[node].whole, behind_whole),
        ):
            for key in dict.fromkeys(keys):
                places.append((last.get(key, 0), graph.weights[key]))
                last[key] = node + 1
    for value in graph.values:
        if value.producer < 0:
            continue
        begin = value.producer + 1
        for user in sorted(set(value.users)):
            found[user].values.append((begin, value.size))
            begin = user + 1
    return found
