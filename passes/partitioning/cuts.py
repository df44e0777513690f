"""The places where a graph can be cut, and what lies between any two of them.

A cut is a set of nodes that no value leaves backwards (a down-set of the graph); a stage is what one cut holds more
than another. With all cuts, the search over them is exact, whatever the graph: this is the dynamic program over ideals
of Tarnawski et al., "Efficient Algorithms for Device Placement of DNN Graph Operators" (2020). Their number may be
exponential, so that a graph with too many is cut along one topological order only: exact for a chain, where that is the
only order, and a heuristic elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .graph import Device, Graph, load_of

MOST_CUTS = 260  # pairs of them are looked at one by one

Matrix = np.ndarray


@dataclass(frozen=True)
class Cuts:
    """Cuts, each after those that it contains, the first empty and the last with every node.

    Element [i, j] of a matrix is about the stage of the nodes in cut j and not in cut i. Where cut j does not contain
    cut i, or is cut i, `possible` is false.
    """

    members: tuple[frozenset[int], ...]
    possible: Matrix
    flops: Matrix
    weights: Matrix
    received: Matrix
    working_set: Matrix
    exact: bool

    def seconds(self, device: Device) -> Matrix:
        """The time of each stage on `device`, infinite where it is impossible."""
        compute = np.maximum(self.flops / device.flops, self.weights / device.bandwidth)
        return np.where(self.possible, compute + self.received / device.link, np.inf)

    def overflow(self, device: Device) -> Matrix:
        """The bytes of each stage that `device` has no memory for, infinite where the stage is impossible."""
        if device.memory is None:
            return np.where(self.possible, 0.0, np.inf)
        missing = self.weights + self.received + self.working_set - device.memory
        return np.where(self.possible, np.maximum(missing, 0.0), np.inf)


def find_cuts(graph: Graph, most: int = MOST_CUTS) -> Cuts:
    """All cuts of `graph` when there are at most `most` or it is a chain, else those along its nodes' order."""
    if all(position - 1 in needs for position, needs in enumerate(graph.predecessors) if position):
        return _along_the_order(graph, exact=True)
    ideals = _ideals(graph, most)
    return _along_the_order(graph, exact=False) if ideals is None else _between(graph, ideals)


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


def _between(graph: Graph, ideals: Sequence[frozenset[int]]) -> Cuts:
    count = len(ideals)
    possible = np.zeros((count, count), dtype=bool)
    flops, weights, received, working_set = (np.zeros((count, count)) for _ in range(4))
    for i, inner in enumerate(ideals):
        for j, outer in enumerate(ideals):
            if not inner < outer:
                continue
            load = load_of(graph, outer - inner)
            possible[i, j] = True
            flops[i, j], weights[i, j] = load.flops, load.weights
            received[i, j], working_set[i, j] = load.received, load.working_set
    return Cuts(tuple(ideals), possible, flops, weights, received, working_set, exact=True)


def _along_the_order(graph: Graph, *, exact: bool) -> Cuts:
    count = len(graph.nodes) + 1
    sums = np.cumsum([0, *(node.flops for node in graph.nodes)], dtype=float)
    working_set = np.zeros((count, count))
    for j, size in enumerate(graph.working_sets, 1):
        working_set[:j, j] = np.maximum(working_set[:j, j - 1], size)
    return Cuts(
        members=tuple(frozenset(range(end)) for end in range(count)),
        possible=np.triu(np.ones((count, count), dtype=bool), k=1),
        flops=np.maximum(sums[None, :] - sums[:, None], 0.0),
        weights=_weights(graph, count),
        received=_received(graph, count),
        working_set=working_set,
        exact=exact,
    )


def _weights(graph: Graph, count: int) -> Matrix:
    users: dict[str, list[int]] = {}
    for position, node in enumerate(graph.nodes):
        for key in dict.fromkeys(node.weights):
            users.setdefault(key, []).append(position)
    return _touched(count, [(graph.weights[key], 0, positions) for key, positions in users.items()])


def _received(graph: Graph, count: int) -> Matrix:
    values = [value for value in graph.values if value.producer >= 0]
    return _touched(count, [(value.size, value.producer + 1, sorted(set(value.users))) for value in values])


def _touched(count: int, things: Sequence[tuple[int, int, list[int]]]) -> Matrix:
    """[i, j]: the sizes of those things, each once, that a stage from i to j uses and that exist before i.

    A thing is its size, the first i before which it exists, and its users in order. A stage counts a thing by the first
    user in it: for the users u, one after the other, i lies behind the user before and at most at u, and j behind u.
    """
    steps = np.zeros((count + 1, count + 1))
    for size, first, users in things:
        start = first
        for user in users:
            steps[start, user + 1] += size
            steps[user + 1, user + 1] -= size
            start = user + 1
    return np.cumsum(np.cumsum(steps, axis=0), axis=1)[:count, :count]
