"""The trees of flat calls, for methods that are written by hand."""

from collections.abc import Sequence
from typing import Literal

from infc.runtime.artifact import Method, TensorSpec
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


def method(name: str, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> Method:
    """A method that takes its tensors one by one and returns one, or a tuple of them."""
    names = [spec.name for spec in outputs]
    return Method(
        name=name,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        takes=takes(*(spec.name for spec in inputs)),
        returns=returns("tensor" if len(names) == 1 else "tuple", names),
    )
