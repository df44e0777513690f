"""From PyTorch's tree specs to the trees of an artifact's interface, with a flat name for every tensor."""

import dataclasses
import math
import types
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import torch.utils._pytree as pytree

from infc.errors import SourceError

from ...runtime.artifact import signature as sig


class Place:
    """Stands for a tensor among the leaves of a structure; every other leaf is a constant."""


PLACE = Place()


def tree_of(spec: pytree.TreeSpec, leaves: Sequence[Any], name: str, what: str) -> sig.Tree:
    """The tree of a structure, whose tensors are called after their place in it.

    A tensor in `name` itself has that name; one in a sequence adds its number, `pair_0`, and one in a mapping, a named
    tuple or a dataclass its key, `batch_ids`. Where `name` is empty, the outermost key stands alone.

    Args:
        spec: the structure, as `tree_flatten` gives it.
        leaves: its leaves; `PLACE` for each tensor.
        name: what the structure as a whole is called.
        what: what it is, for the messages: `input` or `output`.

    Raises:
        SourceError: a constant or a key that an artifact cannot hold, or more levels than it may have.
    """
    return _Trees(iter(leaves), what).build(spec, name, sig.MAX_DEPTH)


def unique_names(trees: Sequence[sig.Tree], what: str) -> list[str]:
    """The names of all tensors, in the order of the trees.

    Raises:
        SourceError: two have the same name.
    """
    names = [name for tree in trees for name in sig.tensors(tree)]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise SourceError(
            f"two {what}s would both be called {twice[0]!r}",
            hint="a name or key that ends like a place in another one's structure: rename one of them",
        )
    return names


@dataclasses.dataclass
class _Trees:
    leaves: Iterator[Any]
    what: str

    def build(self, spec: pytree.TreeSpec, name: str, depth: int) -> sig.Tree:
        if depth == 0:
            raise SourceError(f"{self.what} {name!r} has more than {sig.MAX_DEPTH} levels", hint="make it flatter")
        if spec.is_leaf():
            return constant(next(self.leaves), f"{self.what} {name!r}", name or "output_0")
        kind, label, keys = _parts(spec)
        if kind in ("tuple", "list") and not name:
            name = "output"
        names = [f"{name}_{key}" if name else str(key) for key in keys]
        children = spec.children()
        items = [self.build(child, each, depth - 1) for each, child in zip(names, children, strict=False)]
        items += [sig.Nothing() for _ in keys[len(items) :]]  # the fields of a dataclass that are None
        return self._node(kind, label, keys, tuple(items), name)

    def _node(self, kind: str, label: str, keys: Sequence[Any], items: tuple[sig.Tree, ...], name: str) -> sig.Tree:
        if kind == "tuple":
            return sig.Tuple(items)
        if kind == "list":
            return sig.List(items)
        if kind == "mapping":
            wrong = [key for key in keys if type(key) not in (str, int)]
            if wrong:
                raise SourceError(
                    f"{self.what} {name!r} is a mapping with the key {wrong[0]!r}, expected texts or integers",
                    hint="other keys cannot be sent to a caller",
                )
            return sig.Mapping(tuple(keys), items)
        return (sig.NamedTuple if kind == "namedtuple" else sig.Record)(label, tuple(keys), items)


def constant(value: Any, what: str, name: str = "") -> sig.Tree:
    """The tree of a leaf: a tensor called `name`, or the constant that it is.

    Raises:
        SourceError: it is neither.
    """
    if value is PLACE:
        return sig.Tensor(name)
    if value is None:
        return sig.Nothing()
    known = isinstance(value, bool | int | float | str)
    if not known or (isinstance(value, float) and not math.isfinite(value)) or _is_huge(value):
        raise SourceError(f"{what} is no tensor but {value!r}", hint="an artifact holds tensors, None and plain values")
    return sig.Fixed(value)


def _is_huge(value: Any) -> bool:
    return isinstance(value, int) and not -(2**63) <= value < 2**63


Kind = Literal["tuple", "list", "mapping", "namedtuple", "record"]


def _parts(spec: pytree.TreeSpec) -> tuple[Kind, str, list[Any]]:
    """A structure's kind, its class's name, and what leads to its children; a record's absent fields come last."""
    kind: Any = spec.type
    numbers = list(range(spec.num_children))
    if kind is list:
        return "list", "", numbers
    if not isinstance(kind, type):  # a namedtuple's type is the function `namedtuple`, its context the class
        named: Any = spec.context
        return "namedtuple", named.__name__, list(named._fields)
    if dataclasses.is_dataclass(kind):
        # transformers' outputs are mappings too; in both, what is None is left out of the structure.
        present = _keys(spec) if issubclass(kind, Mapping) else list(spec.context[0])
        fields = [field.name for field in dataclasses.fields(kind)]
        return "record", kind.__name__, [*present, *(field for field in fields if field not in present)]
    if issubclass(kind, Mapping):
        return "mapping", "", _keys(spec)
    if issubclass(kind, list):
        return "list", "", numbers
    if issubclass(kind, tuple) and hasattr(kind, "n_sequence_fields"):  # what torch.max returns
        fields = [name for name, value in vars(kind).items() if isinstance(value, types.MemberDescriptorType)]
        if len(fields) == spec.num_children:
            return "namedtuple", kind.__name__, fields
    return "tuple", "", numbers


def _keys(spec: pytree.TreeSpec) -> list[Any]:
    # A defaultdict's context is its factory and its keys.
    return list(spec.context[1] if spec.type is defaultdict else spec.context)
