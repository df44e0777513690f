"""`infer-exact-doubles`: functions of f64 that the backend has no code for."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith
from torch_mlir.dialects import math as mlir_math

from ..base import Pass
from ..walk import operations


@dataclass(frozen=True)
class ExactDoubles(Pass):
    """Compute `tanh`, `log2`, `sin`, `cos` and `tan` of f64 from arithmetic, `expm1` and `log`.

    For these IREE calls a C library, which it does not link. Sine and cosine come from their Taylor series around the
    nearest quarter turn, whose first omitted term is below 1e-17; the angle is one turn at most, which is what
    `infer-exact-unary` leaves. f32 is left alone.

    Before:

    ```mlir
    %r = math.tanh %x : f64
    ```

    After, with the sign of `%x`, and `%e` of minus twice its magnitude:

    ```mlir
    %e = math.expm1 %minus_twice : f64
    %r = -%e / (%e + 2)
    ```
    """

    name: ClassVar[str] = "infer-exact-doubles"

    def run(self, module: ir.Operation) -> None:
        for op in operations(module, *_BUILDERS):
            if not isinstance(op.operands[0].type, ir.F64Type):
                continue
            with op.location, ir.InsertionPoint(op):
                exact = _BUILDERS[op.operation.name](op.operands[0])
            op.operation.results[0].replace_all_uses_with(exact)
            op.operation.erase()


def _f64(value: float) -> ir.Value:
    return arith.constant(ir.F64Type.get(), value)


def _tanh(x: ir.Value) -> ir.Value:
    grown = mlir_math.expm1(arith.mulf(mlir_math.absf(x), _f64(-2.0)))
    return mlir_math.copysign(arith.divf(arith.negf(grown), arith.addf(grown, _f64(2.0))), x)


def _log2(x: ir.Value) -> ir.Value:
    return arith.mulf(mlir_math.log(x), _f64(1 / math.log(2)))


def _sin(x: ir.Value) -> ir.Value:
    return _at_quarter(x, 0)


def _cos(x: ir.Value) -> ir.Value:
    return _at_quarter(x, 1)


def _tan(x: ir.Value) -> ir.Value:
    return arith.divf(_sin(x), _cos(x))


def _at_quarter(x: ir.Value, ahead: int) -> ir.Value:
    """The sine of `x` and `ahead` quarter turns."""
    quarters = mlir_math.roundeven(arith.mulf(x, _f64(2 / math.pi)))
    rest = mlir_math.fma(quarters, _f64(-math.pi / 2), x)
    # pi/2 is not a double: what is missing from it.
    rest = mlir_math.fma(quarters, _f64(-6.123233995736766e-17), rest)
    square = arith.mulf(rest, rest)
    sine = arith.mulf(rest, _series(square, 1))
    cosine = _series(square, 0)
    turn = arith.addi(arith.fptosi(_i64(), quarters), arith.constant(_i64(), ahead))
    odd = arith.cmpi(arith.CmpIPredicate.ne, arith.andi(turn, arith.constant(_i64(), 1)), arith.constant(_i64(), 0))
    lower = arith.cmpi(arith.CmpIPredicate.ne, arith.andi(turn, arith.constant(_i64(), 2)), arith.constant(_i64(), 0))
    value = arith.select(odd, cosine, sine)
    return arith.select(lower, arith.negf(value), value)


def _series(square: ir.Value, first: int) -> ir.Value:
    """1 - square / ((first+1)(first+2)) + …, by Horner's rule."""
    terms = [(-1) ** n / math.factorial(2 * n + first) for n in range(10)]
    total = _f64(terms[-1])
    for term in reversed(terms[:-1]):
        total = mlir_math.fma(total, square, _f64(term))
    return total


def _i64() -> Any:
    return ir.IntegerType.get_signless(64)


_BUILDERS: dict[str, Callable[[ir.Value], ir.Value]] = {
    "math.tanh": _tanh,
    "math.log2": _log2,
    "math.sin": _sin,
    "math.cos": _cos,
    "math.tan": _tan,
}
