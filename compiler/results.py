"""The names of the tensors in what `forward` returns, however it nests them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import torch.utils._pytree as pytree

from infc.errors import SourceError


def labels(tree: pytree.TreeSpec) -> list[str]:
    """A name for each leaf of a result, in the order in which export flattens it.

    One tensor is `output_0`, a sequence's are `output_0`, `output_1`, …, a mapping's are its keys. Deeper ones add
    their place: `(out, (h, c))` has `output_0`, `output_1_0`, `output_1_1`, and `{"hidden": (a, b)}` has `hidden_0`,
    `hidden_1`.

    Raises:
        SourceError: two leaves would have the same name.
    """
    if tree.is_leaf():
        return ["output_0"]
    names = list(_below(tree, "" if is_mapping(tree) else "output"))
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise SourceError(
            f"two results would both be called {twice[0]!r}",
            hint="a key that ends like a place in another key's sequence: rename one of them",
        )
    return names


def is_mapping(tree: pytree.TreeSpec) -> bool:
    """Whether the result's outermost structure has keys."""
    # A namedtuple's type is the function `namedtuple`.
    return not tree.is_leaf() and isinstance(tree.type, type) and issubclass(tree.type, Mapping)


def is_nested(tree: pytree.TreeSpec) -> bool:
    """Whether a structure lies in the outermost one."""
    return not all(child.is_leaf() for child in tree.children())


def _below(tree: pytree.TreeSpec, name: str) -> Iterator[str]:
    if tree.is_leaf():
        yield name
        return
    keys = _keys(tree) if is_mapping(tree) else range(tree.num_children)
    for key, child in zip(keys, tree.children(), strict=True):
        yield from _below(child, f"{name}_{key}" if name else str(key))


def _keys(tree: pytree.TreeSpec) -> list[Any]:
    # A defaultdict's context is its factory and its keys.
    return tree.context[1] if tree.type is defaultdict else tree.context
