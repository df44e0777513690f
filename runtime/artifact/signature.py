"""What a method takes and returns, as its caller sees it: trees whose leaves are the tensors that travel flat, by name.

In JSON a tree is a list that begins with its kind, and so it is in a pointer file's TOML:

    ["tensor", "ids"]                        a tensor, by the name that it has among the inputs or outputs
    ["none"]                                 None
    ["fixed", 3]                             a constant that the model was compiled with
    ["absent"]                               an argument that the compiled call left out
    ["tuple", [TREE, …]]                     also ["list", …]
    ["mapping", ["a", "b"], [TREE, TREE]]    a mapping with these keys
    ["namedtuple", "Point", ["x", "y"], [TREE, TREE]]
    ["record", "ModelOutput", ["logits"], [TREE]]    a dataclass: fields, by attribute
"""

from collections.abc import Iterator
from typing import Literal, Union

import msgspec

MAX_DEPTH = 32
MAX_NODES = 4096  # in all trees of one method


class Node(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag_field="kind"):
    """Base of all nodes."""


class Tensor(Node, frozen=True, tag="tensor"):
    """A tensor, by its name."""

    name: str


class Nothing(Node, frozen=True, tag="none"):
    """None."""


class Fixed(Node, frozen=True, tag="fixed"):
    """A constant."""

    value: bool | int | float | str


class Absent(Node, frozen=True, tag="absent"):
    """An argument that the compiled call left out, with a default that is no constant."""


class Tuple(Node, frozen=True, tag="tuple"):
    """A tuple; also any other structure that has no kind of its own."""

    items: tuple["Tree", ...]


class List(Node, frozen=True, tag="list"):
    """A list."""

    items: tuple["Tree", ...]


class Mapping(Node, frozen=True, tag="mapping"):
    """A mapping."""

    keys: tuple[str | int, ...]
    items: tuple["Tree", ...]


class NamedTuple(Node, frozen=True, tag="namedtuple"):
    """A named tuple; `type` is its class's name."""

    type: str
    keys: tuple[str, ...]
    items: tuple["Tree", ...]


class Record(Node, frozen=True, tag="record"):
    """A dataclass; `type` is its class's name."""

    type: str
    keys: tuple[str, ...]
    items: tuple["Tree", ...]


Tree = Union[Tensor, Nothing, Fixed, Absent, Tuple, List, Mapping, NamedTuple, Record]  # noqa: UP007 (recursive)


class Parameter(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One argument of a call, in the order of `forward`.

    `kind` says how it may be given: by position alone, by keyword alone, or either. A `required` one has to be given:
    it holds a tensor, or the compiled call gave another constant than the default.
    """

    name: str
    kind: Literal["positional", "either", "keyword"]
    required: bool
    tree: Tree


def children(tree: Tree) -> tuple[Tree, ...]:
    """The trees right below."""
    match tree:
        case Tuple() | List() | Mapping() | NamedTuple() | Record():
            return tree.items
        case _:
            return ()


def tensors(tree: Tree) -> Iterator[str]:
    """The names of the tensors in a tree, in its order."""
    if isinstance(tree, Tensor):
        yield tree.name
    for child in children(tree):
        yield from tensors(child)
