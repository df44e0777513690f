"""The search for a partition: which nodes run on which device."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .cuts import Cuts, Matrix, find_cuts
from .graph import Device, Graph, load_of


@dataclass(frozen=True)
class Plan:
    """The nodes of each stage, in order; stage k runs on device k. `exact`: no other partition is better.

    `seconds` is the slowest stage's time, which bounds how many calls a second the pipeline takes; `transferred` are
    the bytes that go from device to device in one call.
    """

    stages: tuple[tuple[int, ...], ...]
    devices: tuple[Device, ...]
    seconds: float
    transferred: int
    exact: bool


class DoesNotFit(ValueError):
    """No partition fits. Of the best one: the device that lacks most, and how many bytes it lacks and has."""

    def __init__(self, device: Device, missing: int) -> None:
        super().__init__(
            f"the model does not fit: at best, {device.name} with {device.memory} bytes lacks {missing} bytes"
        )
        self.device = device
        self.missing = missing


def best_plan(graph: Graph, devices: Sequence[Device], cuts: Cuts | None = None) -> Plan:
    """The partition into one stage for each device, in the order of `devices`, whose slowest stage is fastest.

    Of several, one that moves the fewest bytes. Every stage has at least one node.

    Raises:
        DoesNotFit: some stage has more bytes than its device, whatever the partition.
        ValueError: there are no devices, or more of them than nodes.
    """
    if not 1 <= len(devices) <= len(graph.nodes):
        raise ValueError(f"{len(graph.nodes)} nodes cannot be cut into {len(devices)} stages")
    cuts = cuts or find_cuts(graph)
    overflow = [cuts.overflow(device) for device in devices]
    least = _least_maximum(overflow)
    if least > 0:
        raise _does_not_fit(graph, cuts, devices, overflow, least)
    seconds = [
        np.where(missing > 0, np.inf, cuts.seconds(each)) for missing, each in zip(overflow, devices, strict=True)
    ]
    slowest = _least_maximum(seconds)
    # First how fast it can be, then the fewest bytes at that speed: one pass over both at once would not be exact.
    path = _cheapest([np.where(each <= slowest, cuts.received, np.inf) for each in seconds])
    stages = [cuts.members[j] - cuts.members[i] for i, j in pairwise(path)]
    return Plan(
        stages=tuple(tuple(sorted(stage)) for stage in stages),
        devices=tuple(devices),
        seconds=float(slowest),
        transferred=sum(load_of(graph, stage).received for stage in stages),
        exact=cuts.exact,
    )


def fewest_stages(graph: Graph, device: Device, most: int = 64) -> Plan:
    """The plan with the fewest stages, each on a device like `device`, that fits. Raises DoesNotFit when none does."""
    cuts = find_cuts(graph)
    count = 1
    while True:
        devices = [device] * count
        try:
            return best_plan(graph, devices, cuts)
        except DoesNotFit:
            if count >= min(most, len(graph.nodes)):
                raise
        count += 1


def _least_maximum(costs: Sequence[Matrix]) -> float:
    """The least that the largest cost of a stage can be, over all ways to go through the cuts."""
    reached = np.full(costs[0].shape[0], np.inf)
    reached[0] = 0.0
    for cost in costs:
        reached = np.min(np.maximum(reached[:, None], cost), axis=0)
    return float(reached[-1])


def _cheapest(costs: Sequence[Matrix]) -> list[int]:
    """The cuts, from the first to the last, between which the costs sum up to the least."""
    reached = np.full(costs[0].shape[0], np.inf)
    reached[0] = 0.0
    before: list[np.ndarray] = []
    for cost in costs:
        through = reached[:, None] + cost
        before.append(np.argmin(through, axis=0))
        reached = np.min(through, axis=0)
    path = [costs[0].shape[0] - 1]
    for step in reversed(before):
        path.append(int(step[path[-1]]))
    return path[::-1]


def _does_not_fit(
    graph: Graph, cuts: Cuts, devices: Sequence[Device], overflow: Sequence[Matrix], least: float
) -> DoesNotFit:
    path = _cheapest([np.where(each <= least, each, np.inf) for each in overflow])
    stages = [cuts.members[j] - cuts.members[i] for i, j in pairwise(path)]
    missing = [load_of(graph, stage).overflow(device) for stage, device in zip(stages, devices, strict=True)]
    worst = missing.index(max(missing))
    return DoesNotFit(devices[worst], missing[worst])
