"""Arithmetic on sizes: what an operation makes of numbers and dims, as an expression of sympy's."""

from collections.abc import Callable, Mapping, Sequence

import sympy
from torch_mlir import ir

Size = sympy.Expr | None  # None: nothing is known


def dim(name: str, low: int) -> sympy.Expr:
    """A dim of the caller's, which is `low` or more."""
    if low > 0:
        return sympy.Symbol(name, integer=True, positive=True)
    return sympy.Symbol(name, integer=True, nonnegative=True)


def combine(name: str, first: Size, second: Size) -> Size:
    """What the operation `name` of `arith` makes of two integers."""
    if first is None or second is None or name not in _OPERATIONS:
        return None
    return _OPERATIONS[name](first, second)


def compare(predicate: int, first: Size, second: Size) -> Size:
    """What `arith.cmpi` with this predicate gives, 1 or 0, where it is the same for all dims."""
    if first is None or second is None or predicate >= len(_TESTS):
        return None
    found = _TESTS[predicate](first - second)
    return None if found is None else sympy.Integer(found)


def applied(plan: ir.AffineMap, operands: Sequence[Size]) -> Size:
    """The only result of an affine map."""
    return _affine(plan.results[0], operands[: plan.n_dims], operands[plan.n_dims :])


def product(sizes: Sequence[Size]) -> Size:
    """All of them multiplied."""
    known = [size for size in sizes if size is not None]
    return sympy.Mul(*known) if len(known) == len(sizes) else None


def total(sizes: Sequence[Size]) -> Size:
    """All of them added."""
    known = [size for size in sizes if size is not None]
    return sympy.Add(*known) if len(known) == len(sizes) else None


def _quotient(first: sympy.Expr, second: sympy.Expr) -> Size:
    """Of numbers that are not negative: of others, what is cut off differs from operation to operation."""
    if not (first.is_nonnegative and second.is_positive):
        return None
    return sympy.floor(first / second)


_OPERATIONS: Mapping[str, Callable[[sympy.Expr, sympy.Expr], Size]] = {
    "arith.addi": lambda first, second: first + second,
    "arith.subi": lambda first, second: first - second,
    "arith.muli": lambda first, second: first * second,
    "arith.divsi": _quotient,
    "arith.divui": _quotient,
    "arith.floordivsi": _quotient,
    "arith.ceildivsi": lambda first, second: _quotient(first + second - 1, second),
    "arith.maxsi": lambda first, second: sympy.Max(first, second),
    "arith.minsi": lambda first, second: sympy.Min(first, second),
}


# Of a difference, by the predicate's number: eq, ne, slt, sle, sgt, sge; None where it depends on the dims.
_TESTS: Sequence[Callable[[sympy.Expr], bool | None]] = (
    lambda each: each.is_zero,
    lambda each: each.is_nonzero,
    lambda each: each.is_negative,
    lambda each: each.is_nonpositive,
    lambda each: each.is_positive,
    lambda each: each.is_nonnegative,
)


def _affine(expression: ir.AffineExpr, dims: Sequence[Size], symbols: Sequence[Size]) -> Size:
    match expression:
        case ir.AffineConstantExpr():
            return sympy.Integer(expression.value)
        case ir.AffineDimExpr():
            return dims[expression.position]
        case ir.AffineSymbolExpr():
            return symbols[expression.position]
        case ir.AffineBinaryExpr():
            first, second = (_affine(each, dims, symbols) for each in (expression.lhs, expression.rhs))
            return combine(_AFFINE.get(type(expression).__name__, ""), first, second)
        case _:
            return None


_AFFINE = {
    "AffineAddExpr": "arith.addi",
    "AffineMulExpr": "arith.muli",
    "AffineFloorDivExpr": "arith.floordivsi",
    "AffineCeilDivExpr": "arith.ceildivsi",
}
