"""The trees of flat calls, for methods that are written by hand."""

from collections.abc import Sequence
from typing import Literal

from infc.runtime.artifact import signature as sig


def takes(*names: str, positional: int | None = None) -> tuple[sig.Parameter, ...]:
    """One tensor for each argument; all may be given by position where nothing is said."""
    count = len(names) if positional is None else positional
    return tuple(
        sig.Parameter(name, "either" if number < count else "keyword", True, sig.Tensor(name))
        for number, name in enumerate(names)
    )


def returns(kind: Literal["tensor", "tuple", "mapping", "record"], names: Sequence[str]) -> sig.Tree:
    """One level of tensors."""
    items = tuple(map(sig.Tensor, names))
    match kind:
        case "tensor":
            return items[0]
        case "tuple":
            return sig.Tuple(items)
        case "mapping":
            return sig.Mapping(tuple(names), items)
        case "record":
            return sig.Record("Outputs", tuple(names), items)
