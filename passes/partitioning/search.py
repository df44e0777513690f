"""The search for a partition: which nodes run on which device."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from .cuts import Cuts, Stages, Vector, find_cuts
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
    """No partition fits. Of the best one: the device that lacks most, and how many bytes it lacks and has.

    `exact`: all partitions were looked at; else those along the order of the nodes.
    """

    def __init__(self, device: Device, missing: int, *, exact: bool = True) -> None:
        super().__init__(
            f"the model does not fit: at best, {device.name} with {device.memory} bytes lacks {missing} bytes"
        )
        self.device = device
        self.missing = missing
        self.exact = exact


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
    least, _ = _through(cuts, devices, Stages.overflow, np.maximum)
    if least > 0:
        raise _does_not_fit(graph, cuts, devices, least)

    def seconds(ending: Stages, device: Device) -> Vector:
        return np.where(ending.overflow(device) > 0, np.inf, ending.seconds(device))

    slowest, _ = _through(cuts, devices, seconds, np.maximum)

    def received(ending: Stages, device: Device) -> Vector:
        return np.where(seconds(ending, device) <= slowest, ending.received, np.inf)

    # First how fast it can be, then the fewest bytes at that speed: one pass over both at once would not be exact.
    _, path = _through(cuts, devices, received, np.add)
    stages = tuple(cuts.between(first, last) for first, last in pairwise(path))
    return Plan(
        stages=stages,
        devices=tuple(devices),
        seconds=slowest,
        transferred=sum(load_of(graph, stage).received for stage in stages),
        exact=cuts.exact,
    )


def fewest_stages(graph: Graph, device: Device, most: int = 64) -> Plan:
    """The plan with the fewest stages, each on a device like `device`, that fits. Raises DoesNotFit when none does."""
    cuts = find_cuts(graph)
    # Fewer cannot hold the weights, each of which is in one stage at least.
    read = {key for node in graph.nodes for key in node.weights}
    least = 1 if device.memory is None else -(-sum(graph.weights[key] for key in read) // device.memory)
    count = max(1, min(least, most, len(graph.nodes)))
    while True:
        devices = [device] * count
        try:
            return best_plan(graph, devices, cuts)
        except DoesNotFit:
            if count >= min(most, len(graph.nodes)):
                raise
        count += 1


def _through(
    cuts: Cuts,
    devices: Sequence[Device],
    cost: Callable[[Stages, Device], Vector],
    join: Callable[[Vector, Vector], Vector],
) -> tuple[float, list[int]]:
    """The way through the cuts, a stage for each device, whose costs joined are least: that cost, and the cuts."""
    kinds = list(dict.fromkeys(replace(device, name="") for device in devices))
    rows = [kinds.index(replace(device, name="")) for device in devices]
    reached = np.full((len(devices) + 1, cuts.count), np.inf)
    reached[0, 0] = 0.0
    before = np.zeros((len(devices), cuts.count), dtype=np.intp)
    for end, ending in enumerate(cuts.ends(), 1):
        costs = np.stack([cost(ending, kind) for kind in kinds])[rows]
        through = join(reached[:-1, :end], costs)
        before[:, end] = np.argmin(through, axis=1)
        reached[1:, end] = np.min(through, axis=1)
    path = [cuts.count - 1]
    for steps in before[::-1]:
        path.append(int(steps[path[-1]]))
    return float(reached[-1, -1]), path[::-1]


def _does_not_fit(graph: Graph, cuts: Cuts, devices: Sequence[Device], least: float) -> DoesNotFit:
    def overflow(ending: Stages, device: Device) -> Vector:
        missing = ending.overflow(device)
        return np.where(missing <= least, missing, np.inf)

    _, path = _through(cuts, devices, overflow, np.add)
    stages = [cuts.between(first, last) for first, last in pairwise(path)]
    missing = [load_of(graph, stage).overflow(device) for stage, device in zip(stages, devices, strict=True)]
    worst = missing.index(max(missing))
    return DoesNotFit(devices[worst], missing[worst], exact=cuts.exact)
