"""Cutting by the names of modules: `encoder.layer.0-5:gpu0;*:cpu0`."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from .graph import Graph

CLIENT = "client"  # the placement of what runs in the application
_VIEWS = ("tensor.collapse_shape", "tensor.expand_shape", "tensor.cast")
_RANGE = re.compile(r"(\d+)-(\d+)")


class UnknownModule(ValueError):
    """A rule names a module that has no weights, or that does not exist; `near` are names like it."""

    def __init__(self, module: str, near: list[str]) -> None:
        super().__init__(f"there is no module {module!r} with weights")
        self.module = module
        self.near = near


@dataclass(frozen=True)
class Rule:
    """What lies in the module `module` (`*`: anything; `layer.0-5`: several) goes to `placement`."""

    module: str
    placement: str

    def matches(self, key: str) -> bool:
        """Whether the weight `key` lies in the module."""
        if self.module == "*":
            return True
        wanted, parts = self.module.split("."), key.split(".")
        return len(wanted) < len(parts) and all(map(_same, wanted, parts))


def parse_split(text: str) -> tuple[Rule, ...]:
    """The rules of `text`, the first that matches counts. Raises ValueError when it is no split."""
    rules: list[Rule] = []
    for item in text.split(";"):
        module, colon, placement = item.strip().partition(":")  # a placement may be a target, `cpu:x86-64-v3`
        if not colon or not module or not placement:
            raise ValueError(f"{item!r} is no rule, expected MODULE:PLACEMENT")
        rules.append(Rule(module, placement))
    if rules[-1].module != "*":
        raise ValueError("the last rule must say where the rest goes, like *:cpu0")
    return tuple(rules)


def split_by_name(graph: Graph, rules: Sequence[Rule]) -> list[tuple[str, tuple[int, ...]]]:
    """The stages, each with its placement, along the order of the nodes; a placement may come several times.

    A node goes where the first rule says that matches a weight which it alone reads; one without such weights stays
    with the node before. A weight that several read says nothing: equal weights, say the zero biases of two layers,
    have become one and are named after the first.

    With the placement `client` there is one stage before all others: the nodes that rules put there, and those that
    compute from inputs of the graph alone and read no weights of their own, masks for example. Without these an input
    would have to leave the application.

    Raises:
        UnknownModule: a rule other than `*` matches no weight.
        ValueError: all weights that it matches are read elsewhere too.
    """
    _check(graph, rules)
    readers = Counter(key for node in graph.nodes for key in set(node.weights))
    own = [[key for key in node.weights if readers[key] == 1] for node in graph.nodes]
    homes: list[str] = []
    used: set[Rule] = set()
    for keys in own:
        matching = next((rule for key in keys for rule in rules if rule.matches(key)), None)
        if matching is not None:
            used.add(matching)
        homes.append(matching.placement if matching else homes[-1] if homes else "")
    for rule in rules:
        if rule not in used and rule.module != "*":
            raise ValueError(
                f"module {rule.module!r} has no weight that only one operation reads: nothing tells it apart"
            )
    # What comes before the first weight goes with it.
    first = next((home for home in homes if home), rules[-1].placement)
    front = _front(graph, homes, own) if CLIENT in homes else ()
    stages: list[tuple[str, list[int]]] = [(CLIENT, list(front))] if front else []
    for position, home in enumerate(homes):
        if position in front:
            continue
        if front and home == CLIENT and not own[position]:  # it only stood behind a node of the client's
            home = stages[-1][0] if len(stages) > 1 else rules[-1].placement
        if not stages or stages[-1][0] != (home or first):
            stages.append((home or first, []))
        stages[-1][1].append(position)
    return [(placement, tuple(positions)) for placement, positions in stages]


def _front(graph: Graph, homes: Sequence[str], own: Sequence[Sequence[str]]) -> tuple[int, ...]:
    """The nodes that run in the application: none of them reads what another stage computes."""
    front: set[int] = set()
    from_inputs: set[int] = set()
    for node, before in enumerate(graph.predecessors):
        if not own[node] and before <= from_inputs:
            from_inputs.add(node)
        if node in from_inputs or (homes[node] == CLIENT and before <= front):
            front.add(node)
    users: list[set[int]] = [set() for _ in graph.nodes]
    for value in graph.values:
        if value.producer >= 0:
            users[value.producer].update(value.users)
    for node in sorted(front - from_inputs, reverse=True):
        # A reshape for the pool alone is the pool's: else one tensor would be sent in two shapes.
        if graph.nodes[node].name in _VIEWS and users[node] and users[node].isdisjoint(front):
            front.remove(node)
    return tuple(sorted(front))


def _check(graph: Graph, rules: Sequence[Rule]) -> None:
    for rule in rules:
        if rule.module != "*" and not any(rule.matches(key) for key in graph.weights):
            parts = [key.split(".") for key in graph.weights]
            modules = {".".join(each[:end]) for each in parts for end in range(1, len(each))}
            raise UnknownModule(rule.module, get_close_matches(rule.module, sorted(modules), n=3, cutoff=0.4))


def _same(wanted: str, part: str) -> bool:
    match = _RANGE.fullmatch(wanted)
    if match is None:
        return wanted == part
    return part.isdigit() and int(match[1]) <= int(part) <= int(match[2])
