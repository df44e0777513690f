"""Cutting by the names of modules: `encoder.layer.0-5:gpu0;*:cpu0`."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from .graph import Graph, Node

CLIENT = "client"  # the placement of what runs in the application
_VIEWS = ("tensor.collapse_shape", "tensor.expand_shape", "tensor.cast")
_RANGE = re.compile(r"(\d+)-(\d+)")


class UnknownModule(ValueError):
    """A rule names a module that computes nothing, or that does not exist; `near` are names like it."""

    def __init__(self, module: str, near: list[str]) -> None:
        super().__init__(f"there is no module {module!r} that computes anything")
        self.module = module
        self.near = near


@dataclass(frozen=True)
class Rule:
    """What lies in the module `module` (`*`: anything; `layer.0-5`: several) goes to `placement`."""

    module: str
    placement: str

    def matches(self, key: str) -> bool:
        """Whether the weight `key` lies in the module."""
        return self.module == "*" or self.holds(key.rpartition(".")[0])

    def holds(self, module: str) -> bool:
        """Whether `module` is the rule's, or lies in it; of `*`, any is."""
        wanted, parts = self.module.split("."), module.split(".")
        return self.module == "*" or (len(wanted) <= len(parts) and all(map(_same, wanted, parts)))


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
    """The stages, each with its placement; a placement may come several times, but no oftener than it has to.

    A node goes where the first rule says that matches a weight which it alone reads, else where the first says that
    holds its module. One without such weights whose module nobody knows stays with the node before. A weight that
    several read says nothing: equal weights, say the zero biases of two layers, have become one and are named after
    the first.

    A reshape that its own placement does not read goes to who reads it.

    With the placement `client` there is one stage before all others: the nodes that rules put there, and those that
    compute from inputs of the graph alone and read no weights of their own, masks for example. Without these an input
    would have to leave the application.

    Raises:
        UnknownModule: a rule other than `*` matches nothing.
        ValueError: what it matches goes elsewhere by other rules, or is shared.
    """
    _check(graph, rules)
    own = _own(graph)
    said = [_rule(node, keys, rules) for node, keys in zip(graph.nodes, own, strict=True)]
    for rule in rules:
        if rule not in said and rule.module != "*":
            raise ValueError(
                f"module {rule.module!r} has no operation of its own: rules before it take all of them, or it has "
                "only weights that several operations read, and nothing else tells it apart"
            )
    # What comes before the first node that a rule is for goes with it.
    homes = [next((rule.placement for rule in said if rule), rules[-1].placement)] * len(said)
    for position, rule in enumerate(said):
        homes[position] = rule.placement if rule else homes[max(position - 1, 0)]
    front = _front(graph, homes, own) if CLIENT in homes else ()
    for position, rule in enumerate(said):
        # In no stage of the client's, though no rule of its own put it there: it only stood behind one that is.
        if homes[position] == CLIENT and position not in front and not (rule and rule.module != "*"):
            homes[position] = next((homes[each] for each in range(position - 1, -1, -1) if homes[each] != CLIENT),
                                   rules[-1].placement)  # fmt: skip
    _move_views(graph, homes, said, set(front))
    stages = [(CLIENT, front)] if front else []
    return [*stages, *_fewest(graph, homes, set(front))]


def unused_rules(graph: Graph, rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Those that no node goes by, but for `*`."""
    said = [_rule(node, keys, rules) for node, keys in zip(graph.nodes, _own(graph), strict=True)]
    return tuple(rule for rule in rules if rule not in said and rule.module != "*")


def _own(graph: Graph) -> list[list[str]]:
    """For each node the weights that it alone reads."""
    readers = Counter(key for node in graph.nodes for key in set(node.weights))
    return [[key for key in node.weights if readers[key] == 1] for node in graph.nodes]


def _rule(node: Node, own: Sequence[str], rules: Sequence[Rule]) -> Rule | None:
    """The rule that says where a node goes; None where none knows."""
    by_weight = next((rule for key in own for rule in rules if rule.matches(key)), None)
    if by_weight is not None or node.module is None:
        return by_weight
    return next(rule for rule in rules if rule.holds(node.module))


def _fewest(graph: Graph, homes: Sequence[str], done: set[int]) -> list[tuple[str, tuple[int, ...]]]:
    """The nodes that are not `done` in stages of one placement each, in an order in which none reads from a later one.

    Each stage takes all that it can; which placement is the first is tried out. With two placements there is no way
    with fewer stages; with more it is a heuristic: one that needs no further stage comes before those that do.
    """
    firsts = dict.fromkeys(home for position, home in enumerate(homes) if position not in done)
    return min((_greedy(graph, homes, done, first) for first in firsts), key=len, default=[])


def _greedy(graph: Graph, homes: Sequence[str], done: set[int], placement: str) -> list[tuple[str, tuple[int, ...]]]:
    done = set(done)
    stages: list[tuple[str, tuple[int, ...]]] = []
    while left := dict.fromkeys(home for position, home in enumerate(homes) if position not in done):
        could = {home: _takes(graph, homes, done, home) for home in left}
        whole = (home for home, members in could.items() if set(_rest(homes, done, home)) == set(members))
        some = (home for home, members in could.items() if members)
        chosen = placement if not stages and could[placement] else next(whole, None) or next(some)
        stages.append((chosen, could[chosen]))
        done.update(could[chosen])
    return stages


def _takes(graph: Graph, homes: Sequence[str], done: set[int], placement: str) -> tuple[int, ...]:
    """What a stage there can compute from what is done and from its own."""
    members: set[int] = set()
    for position in _rest(homes, done, placement):
        if all(each in done or each in members for each in graph.predecessors[position]):
            members.add(position)
    return tuple(sorted(members))


def _rest(homes: Sequence[str], done: set[int], placement: str) -> list[int]:
    return [position for position, home in enumerate(homes) if home == placement and position not in done]


def _front(graph: Graph, homes: Sequence[str], own: Sequence[Sequence[str]]) -> tuple[int, ...]:
    """The nodes that run in the application: none of them reads what another stage computes."""
    front: set[int] = set()
    from_inputs: set[int] = set()
    for node, before in enumerate(graph.predecessors):
        if not own[node] and before <= from_inputs:
            from_inputs.add(node)
        if node in from_inputs or (homes[node] == CLIENT and before <= front):
            front.add(node)
    users = _users(graph)
    for node in sorted(front - from_inputs, reverse=True):
        if graph.nodes[node].name in _VIEWS and users[node] and users[node].isdisjoint(front):
            front.remove(node)
    return tuple(sorted(front))


def _move_views(graph: Graph, homes: list[str], said: Sequence[Rule | None], front: set[int]) -> None:
    """A reshape that its own placement does not read goes to who does: else one tensor would be sent in two shapes.

    Where a rule has nothing else, it stays.
    """
    computing = {rule for node, rule in zip(graph.nodes, said, strict=True) if node.name not in _VIEWS}
    users = _users(graph)
    for node in range(len(graph.nodes) - 1, -1, -1):
        if graph.nodes[node].name not in _VIEWS or node in front or said[node] not in computing:
            continue
        readers = [homes[user] for user in sorted(users[node])]
        if readers and homes[node] not in readers:
            homes[node] = readers[0]


def _users(graph: Graph) -> list[set[int]]:
    """For each node those that read what it gives."""
    users: list[set[int]] = [set() for _ in graph.nodes]
    for value in graph.values:
        if value.producer >= 0:
            users[value.producer].update(value.users)
    return users


def _check(graph: Graph, rules: Sequence[Rule]) -> None:
    modules = {key.rpartition(".")[0] for key in graph.weights} | {node.module or "" for node in graph.nodes}
    for rule in rules:
        if rule.module != "*" and not any(map(rule.holds, modules)):
            parts = [module.split(".") for module in modules]
            known = {".".join(each[:end]) for each in parts for end in range(1, len(each) + 1)} - {""}
            raise UnknownModule(rule.module, get_close_matches(rule.module, sorted(known), n=3, cutoff=0.4))


def _same(wanted: str, part: str) -> bool:
    match = _RANGE.fullmatch(wanted)
    if match is None:
        return wanted == part
    return part.isdigit() and int(match[1]) <= int(part) <= int(match[2])
