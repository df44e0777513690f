"""A pipeline in its smallest parts, so that a run can say where it is, and be cut in two before the part that fails."""

from collections.abc import Callable, Iterator

from torch_mlir import ir
from torch_mlir.passmanager import PassManager

# Told of every part as it begins, in the text of a pipeline.
Observer = Callable[[str], object]


def split(body: str) -> Iterator[str]:
    """The elements of `a,b{x=1},func.func(c,d)`.

    Raises:
        ValueError: a parenthesis or brace is not balanced; says which.
    """
    depth, start = 0, 0
    for position, character in enumerate(body):
        depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(character, 0)
        if depth < 0:
            raise ValueError(f"unbalanced {character!r} at column {position + 1}")
        if character == "," and depth == 0:
            yield body[start:position].strip()
            start = position + 1
    if depth:
        raise ValueError("a parenthesis or brace is not closed")
    if body[start:].strip():
        yield body[start:].strip()


def expanded(element: str, context: ir.Context) -> list[str]:
    """The passes that an element of MLIR's own stands for: itself, or what a named pipeline holds.

    Raises:
        ValueError: MLIR does not parse it.
    """
    text = str(PassManager.parse(f"builtin.module({element})", context))
    parts = list(split(text.removeprefix("builtin.module(").removesuffix(")")))
    return parts if len(parts) > 1 else [element]
