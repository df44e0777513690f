"""The trees of a method against its inputs and outputs, before anybody builds a call from them."""

import keyword
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise

from .schema import Method
from .signature import MAX_DEPTH, MAX_NODES, Absent, Mapping, NamedTuple, Record, Tree, children, tensors

_ORDER = ("positional", "either", "keyword")


def faults(method: Method) -> Iterator[str]:
    """What is wrong with `method.takes` and `method.returns`, each as the end of a sentence about the method."""
    trees = {f"takes[{each.name!r}]": each.tree for each in method.takes} | {"returns": method.returns}
    if too_large := _too_large([*(each.tree for each in method.takes), method.returns]):
        yield too_large
        return  # nothing below may walk such a tree
    names = [each.name for each in method.takes]
    if len(set(names)) < len(names):
        yield f".takes has {next(name for name in names if names.count(name) > 1)!r} twice"
    if any(_ORDER.index(a.kind) > _ORDER.index(b.kind) for a, b in pairwise(method.takes)):
        yield ".takes is not in the order positional, either, keyword"
    for where, tree in trees.items():
        for node in _all(tree):
            yield from (f".{where} {fault}" for fault in _node_faults(node))
    if any(isinstance(node, Absent) for node in _all(method.returns)):
        yield ".returns has an absent value"
    given = [name for each in method.takes for name in tensors(each.tree)]
    yield from _differences("takes", given, (spec.name for spec in method.inputs))
    yield from _differences("returns", list(tensors(method.returns)), (spec.name for spec in method.outputs))


def _too_large(trees: list[Tree]) -> str:
    count, level = 0, trees
    for _ in range(MAX_DEPTH):
        count += len(level)
        level = [child for tree in level for child in children(tree)]
    if level:
        return f" has trees of more than {MAX_DEPTH} levels"
    return f" has trees of {count} nodes, at most are {MAX_NODES}" if count > MAX_NODES else ""


def _all(tree: Tree) -> Iterator[Tree]:
    yield tree
    for child in children(tree):
        yield from _all(child)


def _node_faults(node: Tree) -> Iterator[str]:
    if not isinstance(node, Mapping | NamedTuple | Record):
        return
    if len(node.keys) != len(node.items):
        yield f"has {len(node.keys)} keys for {len(node.items)} values"
    if len(set(node.keys)) < len(node.keys):
        yield "has a key twice"
    if isinstance(node, NamedTuple):
        # A client makes a class of these names.
        wrong = [name for name in (node.type, *node.keys) if not name.isidentifier() or keyword.iskeyword(name)]
        wrong += [name for name in node.keys if name.startswith("_")]
        if wrong:
            yield f"is a named tuple with the name {wrong[0]!r}"


def _differences(what: str, found: list[str], expected: Iterable[str]) -> Iterator[str]:
    names = set(expected)
    for name, count in Counter(found).items():
        if count > 1:
            yield f".{what} has the tensor {name!r} twice"
        if name not in names:
            yield f".{what} has the tensor {name!r}, which does not exist"
    for name in names.difference(found):
        yield f".{what} lacks the tensor {name!r}"
