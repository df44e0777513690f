"""How a method of a served model is called: trees of arguments and results around the tensors that travel flat.

A pointer file holds them in the form of the artifact's interface (docs/reference/signatures.md): lists that begin with
their kind.
"""

import dataclasses
from collections import namedtuple
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from keyword import iskeyword
from typing import Any, Literal, cast

from infc.errors import InvalidInput

from .dims import Dims
from .outputs import Record

MAX_DEPTH = 32

Kind = Literal["tensor", "none", "fixed", "absent", "tuple", "list", "mapping", "namedtuple", "record"]
Giving = Literal["positional", "either", "keyword"]


@dataclass(frozen=True)
class Tree:
    """One node: `name` is a tensor's or a class's, `value` a constant's, `keys` lead to `items`."""

    kind: Kind
    name: str = ""
    value: object = None
    keys: tuple[str | int, ...] = ()
    items: tuple["Tree", ...] = ()

    @staticmethod
    def parse(raw: object, depth: int = MAX_DEPTH) -> "Tree":
        """The tree that `raw`, made of lists and plain values, describes.

        Raises:
            ValueError: it describes none, or one with too many levels.
        """
        if depth == 0:
            raise ValueError(f"a tree has more than {MAX_DEPTH} levels")
        match raw:
            case ["tensor", str(name)]:
                return Tree("tensor", name)
            case ["none" | "absent" as kind]:
                return Tree(kind)
            case ["fixed", bool() | int() | float() | str() as value]:
                return Tree("fixed", value=value)
            case ["tuple" | "list" as kind, list(items)]:
                return Tree(kind, items=_parse_all(items, depth))
            case ["mapping", list(keys), list(items)]:
                return Tree("mapping", "", None, _keys(keys, items, (str, int)), _parse_all(items, depth))
            case ["namedtuple" | "record" as kind, str(name), list(keys), list(items)]:
                found = _keys(keys, items, (str,))
                if kind == "namedtuple" and not all(map(_is_field, (name, *found))):
                    raise ValueError(f"{name!r} with {found} is no named tuple")
                return Tree(kind, name, None, found, _parse_all(items, depth))
            case _:
                raise ValueError(f"{str(raw)[:60]!r} is no tree")

    def names(self) -> Iterator[str]:
        """The tensors' names, in order."""
        if self.kind == "tensor":
            yield self.name
        for item in self.items:
            yield from item.names()

    def __str__(self) -> str:
        """As a caller would write it: `(hidden, [state_0, None])`."""
        match self.kind:
            case "tensor":
                return self.name
            case "none":
                return "None"
            case "fixed":
                return repr(self.value)
            case "absent":
                return "…"
            case "tuple":
                return f"({', '.join(map(str, self.items))})"
            case "list":
                return f"[{', '.join(map(str, self.items))}]"
            case _:
                pairs = ", ".join(f"{key}: {item}" for key, item in zip(self.keys, self.items, strict=True))
                return f"{self.name}{{{pairs}}}"


@dataclass(frozen=True)
class Parameter:
    """One argument, as the artifact's interface has it."""

    name: str
    kind: Giving
    required: bool
    tree: Tree

    @staticmethod
    def parse(raw: object) -> "Parameter":
        """Raises ValueError when `raw` describes none."""
        match raw:
            case [str(name), "positional" | "either" | "keyword" as kind, bool(required), tree]:
                return Parameter(name, kind, required, Tree.parse(tree))
            case _:
                raise ValueError(f"{str(raw)[:60]!r} is no argument")


@dataclass(frozen=True)
class Signature:
    """A method: its name, its arguments in the order of `forward`, what it returns, and the dims that vary."""

    method: str
    takes: tuple[Parameter, ...]
    returns: Tree
    dims: Dims = dataclasses.field(default_factory=Dims)

    def bind(self, args: Sequence[object], kwargs: Mapping[str, object], *, model: str) -> dict[str, Any]:
        """The tensors of a call, by name.

        Raises:
            InvalidInput: an argument that is missing, unknown, given twice, of another structure, or another constant
                than the one that was compiled in.
        """
        given = self._given(args, kwargs, model)
        found: dict[str, Any] = {}
        for each in self.takes:
            if each.name in given:
                _flatten(each.tree, given[each.name], f"argument {each.name!r} of model {model!r}", found)
            elif each.required:
                raise InvalidInput(f"argument {each.name!r} of model {model!r} is missing", hint=self._hint())
        return found

    def build(self, tensors: Mapping[str, Any]) -> Any:
        """The result, from the tensors by name."""
        return _build(self.returns, tensors)

    def _given(self, args: Sequence[object], kwargs: Mapping[str, object], model: str) -> dict[str, object]:
        by_position = [each.name for each in self.takes if each.kind != "keyword"]
        if len(args) > len(by_position):
            raise InvalidInput(
                f"model {model!r} takes {len(by_position)} arguments by position, {len(args)} were given",
                hint=self._hint(),
            )
        given = dict(zip(by_position, args, strict=False))
        by_name = {each.name for each in self.takes if each.kind != "positional"}
        for name, value in kwargs.items():
            if name not in by_name:
                raise InvalidInput(f"model {model!r} takes no argument {name!r} by name", hint=self._hint())
            if name in given:
                raise InvalidInput(
                    f"argument {name!r} of model {model!r} was given by position and by name", hint="give it once"
                )
            given[name] = value
        return given

    def _hint(self) -> str:
        return f"it was compiled for the call ({', '.join(f'{p.name}={p.tree}' for p in self.takes if p.required)})"


def _flatten(tree: Tree, value: Any, where: str, found: dict[str, Any]) -> None:
    match tree.kind:
        case "tensor":
            found[tree.name] = value
        case "absent":
            raise InvalidInput(
                f"{where} was left out of the call that was compiled", hint="leave it out, or compile another call"
            )
        case "none" | "fixed":
            if type(value) is not type(tree.value) or value != tree.value:
                raise InvalidInput(
                    f"{where} is {_shown(value)}, it was compiled as {tree}", hint="compile a call with that value"
                )
        case "tuple" | "list":
            if not isinstance(value, tuple | list) or len(cast("Sequence[Any]", value)) != len(tree.items):
                raise _other(tree, value, where)
            for number, (item, each) in enumerate(zip(tree.items, cast("Sequence[Any]", value), strict=True)):
                _flatten(item, each, f"{where}, [{number}]", found)
        case _:
            entries = _entries(tree, value)
            if entries is None:
                raise _other(tree, value, where)
            for key, item in zip(tree.keys, tree.items, strict=True):
                _flatten(item, entries.get(key), f"{where}, [{key!r}]", found)


def _entries(tree: Tree, value: Any) -> Mapping[Any, Any] | None:
    """The value's parts by key; None where it has no such keys, or others that are not None."""
    if isinstance(value, Mapping):
        parts = cast("Mapping[Any, Any]", value)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    elif isinstance(value, tuple) and hasattr(cast("Any", value), "_asdict"):
        parts = cast("Any", value)._asdict()
    elif tree.kind == "namedtuple" and isinstance(value, tuple):
        items = cast("tuple[Any, ...]", value)
        return dict(zip(tree.keys, items, strict=True)) if len(items) == len(tree.keys) else None
    else:
        return None
    missing = [key for key, item in zip(tree.keys, tree.items, strict=True) if item.kind != "none" and key not in parts]
    superfluous = [key for key, part in parts.items() if key not in tree.keys and part is not None]
    return None if missing or superfluous else parts


def _other(tree: Tree, value: Any, where: str) -> InvalidInput:
    return InvalidInput(f"{where} is {_shown(value)}, expected {tree}", hint="the structure of the call is compiled in")


def _shown(value: Any) -> str:
    if isinstance(value, bool | int | float | str) or value is None:
        return repr(value)[:60]
    if isinstance(value, Mapping):
        return f"a {type(value).__name__} with the keys {', '.join(map(str, cast('Mapping[Any, Any]', value)))}"[:200]
    size = f" of {len(cast('Sequence[Any]', value))}" if isinstance(value, tuple | list) else ""
    return f"a {type(value).__name__}{size}"


def _build(tree: Tree, tensors: Mapping[str, Any]) -> Any:
    match tree.kind:
        case "tensor":
            return tensors[tree.name]
        case "none" | "fixed" | "absent":
            return tree.value
        case "tuple":
            return tuple(_build(item, tensors) for item in tree.items)
        case "list":
            return [_build(item, tensors) for item in tree.items]
        case _:
            parts = {key: _build(item, tensors) for key, item in zip(tree.keys, tree.items, strict=True)}
    if tree.kind == "mapping":
        return parts
    if tree.kind == "record":
        return Record({str(key): part for key, part in parts.items()})
    return _named_tuple(tree.name, tree.keys)(*parts.values())


@cache
def _named_tuple(name: str, keys: tuple[str | int, ...]) -> Any:
    return namedtuple(name, map(str, keys))  # type: ignore[misc]


def _parse_all(items: list[object], depth: int) -> tuple[Tree, ...]:
    return tuple(Tree.parse(item, depth - 1) for item in items)


def _keys(keys: list[Any], items: list[Any], kinds: tuple[type, ...]) -> tuple[str | int, ...]:
    if len(keys) != len(items) or not all(type(key) in kinds for key in keys) or len(set(keys)) < len(keys):
        raise ValueError(f"{str(keys)[:60]} are no keys for {len(items)} values")
    return tuple(keys)


def _is_field(name: object) -> bool:
    return isinstance(name, str) and name.isidentifier() and not iskeyword(name) and not name.startswith("_")
