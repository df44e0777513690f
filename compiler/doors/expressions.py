"""Symbolic sizes in a .pt2 archive: torch hands their text to sympy, which evaluates it as Python.

So nothing reaches sympy but what `sympy.srepr` writes for a size: calls of known constructors, names and numbers.
"""

import ast
import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from torch._export.serde.serialize import GraphModuleDeserializer

from infc.errors import SourceError

_CONSTRUCTORS = frozenset(
    [
        "Symbol",
        "Integer",
        "Float",
        "Rational",
        "Add",
        "Mul",
        "Pow",
        "Max",
        "Min",
        "Mod",
        "PythonMod",
        "FloorDiv",
        "CeilDiv",
        "CleanDiv",
        "ModularIndexing",
        "Where",
        "CeilToInt",
        "FloorToInt",
        "LShift",
        "RShift",
        "PowByNatural",
        "FloatPow",
        "FloatTrueDiv",
        "IntTrueDiv",
        "TruncToFloat",
        "TruncToInt",
        "RoundToInt",
        "RoundDecimal",
        "ToFloat",
        "Identity",
        "IsNonOverlappingAndDenseIndicator",
        "And",
        "Or",
        "Not",
        "Equality",
        "Unequality",
        "LessThan",
        "GreaterThan",
        "StrictLessThan",
        "StrictGreaterThan",
    ]
)
# sympy evaluates text inside of an expression again: it may be a name or a number.
_TEXT = re.compile(r"[A-Za-z]\w*|[-+]?\d+(\.\d+)?([eE][-+]?\d+)?", re.ASCII)


@contextmanager
def checked_expressions() -> Generator[None]:
    """While the block runs, torch's reader of archives gets a SourceError for an expression that is no size.

    The check sits where torch evaluates, not in a reading of the archive of our own, which could see other bytes.
    """
    parse: Callable[..., Any] = GraphModuleDeserializer._parse_sym_expr  # pyright: ignore[reportPrivateUsage]

    def checked(self: Any, expression: Any, *rest: Any) -> Any:
        if isinstance(expression, str) and not is_size(expression):
            raise SourceError(
                f"the archive holds {expression[:80]!r} where a symbolic size is expected, and reading it would run it",
                hint="only programs made by torch.export are compiled",
            )
        return parse(self, expression, *rest)

    GraphModuleDeserializer._parse_sym_expr = checked  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
    try:
        yield
    finally:
        GraphModuleDeserializer._parse_sym_expr = parse  # pyright: ignore[reportPrivateUsage]


def is_size(text: str) -> bool:
    """Whether `text` is an expression over sizes, in the form that `torch.export.save` writes."""
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return all(_is_plain(node) for node in ast.walk(tree.body))


def _is_plain(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id=name)):
            return name in _CONSTRUCTORS
        case ast.Name(id=name):
            return _TEXT.fullmatch(name) is not None
        case ast.Constant(value=str(value)):
            return _TEXT.fullmatch(value) is not None
        case ast.Constant(value=value):
            return isinstance(value, int | float)
        case _:
            return isinstance(node, ast.keyword | ast.UnaryOp | ast.USub | ast.Load)
