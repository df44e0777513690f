"""The graph that is cut, the devices that its parts run on, and what a part costs there."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

# A device about which nothing was said: what one core of a server does, so that computing and reading both count.
DEFAULT_FLOPS = 50e9  # floating point operations a second
DEFAULT_BANDWIDTH = 10e9  # bytes of weights a second
DEFAULT_LINK = 5e9  # bytes of values a second, from another device


@dataclass(frozen=True)
class Node:
    """One operation: its floating point operations, the keys of the weights that it reads, and the module that it is in
    (empty for the model itself, None where nobody knows). Of those among `rows` it reads next to nothing."""

    name: str
    flops: int = 0
    weights: tuple[str, ...] = ()
    module: str | None = None
    rows: tuple[str, ...] = ()

    @property
    def whole(self) -> tuple[str, ...]:
        """The weights of which it reads all."""
        return tuple(key for key in self.weights if key not in self.rows)


@dataclass(frozen=True)
class Value:
    """What one node gives and others read: `producer` and `users` are positions in `Graph.nodes`, `size` is in bytes.

    `producer` is -1 for an input of the whole graph: it comes from the caller, whichever stage reads it.
    """

    producer: int
    size: int
    users: tuple[int, ...]


@dataclass(frozen=True)
class Graph:
    """Nodes in a topological order, the values between them, and the size in bytes of every weight by its key."""

    nodes: tuple[Node, ...]
    values: tuple[Value, ...] = ()
    weights: dict[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        for value in self.values:
            for user in value.users:
                if not value.producer < user < len(self.nodes):
                    raise ValueError(f"node {value.producer} cannot hand a value to node {user}: no topological order")

    @cached_property
    def predecessors(self) -> tuple[frozenset[int], ...]:
        """For every node the nodes whose values it reads."""
        found: list[set[int]] = [set() for _ in self.nodes]
        for value in self.values:
            for user in value.users:
                if value.producer >= 0:
                    found[user].add(value.producer)
        return tuple(frozenset(each) for each in found)

    @cached_property
    def working_sets(self) -> tuple[int, ...]:
        """For every node the bytes of the values that it reads and gives."""
        sizes = [0] * len(self.nodes)
        for value in self.values:
            for node in {value.producer, *value.users} - {-1}:
                sizes[node] += value.size
        return tuple(sizes)


@dataclass(frozen=True)
class Device:
    """Where a stage may run: its memory in bytes (None: enough), and what it does in a second.

    `flops` are operations, `bandwidth` the bytes of weights that it reads, `link` the bytes that it gets from others.
    """

    name: str
    memory: int | None = None
    flops: float = DEFAULT_FLOPS
    bandwidth: float = DEFAULT_BANDWIDTH
    link: float = DEFAULT_LINK


@dataclass(frozen=True)
class Load:
    """What a set of nodes asks of a device: operations, and bytes of weights, of those that a call reads whole, of
    values from others, and of the largest working set of one node."""

    flops: int
    weights: int
    read: int
    received: int
    working_set: int

    @property
    def memory(self) -> int:
        """Bytes that must lie in the device's memory at once."""
        return self.weights + self.received + self.working_set

    def seconds(self, device: Device) -> float:
        """Time of one call: the slower of computing and reading weights (a roofline), after the values have come."""
        return max(self.flops / device.flops, self.read / device.bandwidth) + self.received / device.link

    def overflow(self, device: Device) -> int:
        """Bytes that are missing on `device`; 0 when all fits."""
        return 0 if device.memory is None else max(0, self.memory - device.memory)


def load_of(graph: Graph, nodes: Iterable[int]) -> Load:
    """What the set `nodes` asks of the device that runs it."""
    inside = frozenset(nodes)
    keys = {key for node in inside for key in graph.nodes[node].weights}
    whole = {key for node in inside for key in graph.nodes[node].whole}
    return Load(
        flops=sum(graph.nodes[node].flops for node in inside),
        weights=sum(graph.weights[key] for key in keys),
        read=sum(graph.weights[key] for key in whole),
        received=sum(
            value.size
            for value in graph.values
            if value.producer >= 0 and value.producer not in inside and not inside.isdisjoint(value.users)
        ),
        working_set=max((graph.working_sets[node] for node in inside), default=0),
    )
