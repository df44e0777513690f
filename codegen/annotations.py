"""The Python types of what a method takes and returns, and the classes that they need."""

import keyword
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ..runtime.artifact import signature as sig
from .names import identifier, unique
from .tensor_view import TensorView


@dataclass(frozen=True)
class FieldView:
    """One field of a class: its name in Python, its type, and a line about it."""

    argument: str
    annotation: str
    describe: str


@dataclass(frozen=True)
class ClassView:
    """A class of the generated package: a dataclass, a named tuple or a typed mapping."""

    name: str
    base: Literal["Record", "NamedTuple", "TypedDict"]
    fields: tuple[FieldView, ...]


@dataclass
class Annotations:
    """Types for one method's arguments or its result; the classes that they need are collected on the way.

    `tensors` are the method's inputs or outputs by name; `stem` begins the name of every class, `taken` are the names
    of all classes so far.
    """

    tensors: Mapping[str, TensorView]
    stem: str
    taken: set[str]
    classes: list[ClassView] = field(default_factory=list[ClassView])
    names: dict[int, str] = field(default_factory=dict[int, str])

    def of(self, tree: sig.Tree) -> str:
        """The annotation of a tree."""
        match tree:
            case sig.Tensor():
                return f"NDArray[np.{self.tensors[tree.name].scalar}]"
            case sig.Nothing() | sig.Absent():
                return "None"
            case sig.Fixed():
                return type(tree.value).__name__
            case sig.Tuple():
                return f"tuple[{', '.join(map(self.of, tree.items)) or '()'}]"
            case sig.List():
                return f"list[{' | '.join(dict.fromkeys(map(self.of, tree.items))) or 'object'}]"
            case sig.Mapping():
                if not tree.keys or not all(_is_name(key) for key in tree.keys):
                    kinds = set(map(self.of, tree.items))  # of different ones, no type says which key has which
                    return f"dict[{_key_types(tree.keys)}, {kinds.pop() if len(kinds) == 1 else 'Any'}]"
                return self._class("TypedDict", tree, [str(key) for key in tree.keys])
            case sig.NamedTuple():
                return self._class("NamedTuple", tree, tree.keys)
            case sig.Record():
                return self._class("Record", tree, unique(tree.keys, fallback="field"))

    def literal(self, tree: sig.Tree) -> object:
        """The tree as the generated code has it, classes by name: what `of` was asked about before."""
        match tree:
            case sig.Tensor():
                return ("tensor", tree.name)
            case sig.Nothing() | sig.Absent():
                return ("fixed", None)
            case sig.Fixed():
                return ("fixed", tree.value)
            case sig.Tuple() | sig.List():
                kind = "tuple" if isinstance(tree, sig.Tuple) else "list"
                return (kind, tuple(map(self.literal, tree.items)))
            case sig.Mapping() | sig.NamedTuple() | sig.Record():
                name: object = Name("dict") if isinstance(tree, sig.Mapping) else Name(self.names[id(tree)])
                return (name, tree.keys, tuple(map(self.literal, tree.items)))

    def _class(
        self,
        base: Literal["Record", "NamedTuple", "TypedDict"],
        tree: sig.Mapping | sig.NamedTuple | sig.Record,
        arguments: Sequence[str],
    ) -> str:
        name, number = self.stem, 2
        while name in self.taken:
            name, number = f"{self.stem}{number}", number + 1
        self.taken.add(name)
        self.names[id(tree)] = name
        views = [
            FieldView(argument, self.of(item), _describe(item, self.tensors))
            for argument, item in zip(arguments, tree.items, strict=True)
        ]
        self.classes.append(ClassView(name, base, tuple(views)))  # after those that it is made of
        return name


@dataclass(frozen=True)
class Name:
    """A name in generated code, among literals."""

    text: str


def leaves(tree: sig.Tree, tensors: Mapping[str, TensorView]) -> Iterator[str]:
    """A line about each tensor of a tree."""
    for name in sig.tensors(tree):
        yield tensors[name].describe


def _describe(tree: sig.Tree, tensors: Mapping[str, TensorView]) -> str:
    return tensors[tree.name].describe if isinstance(tree, sig.Tensor) else ""


def _is_name(key: object) -> bool:
    return isinstance(key, str) and key == identifier(key, fallback="key") and not keyword.iskeyword(key)


def _key_types(keys: Sequence[object]) -> str:
    return " | ".join(sorted({type(key).__name__ for key in keys})) or "str"
