"""`infer-exact-unary`: functions of one number where the backend's approximations lose it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch_mlir import ir
from torch_mlir.dialects import arith
from torch_mlir.dialects import math as mlir_math

from ..base import Pass
from ..walk import operations


@dataclass(frozen=True)
class ExactUnary(Pass):
    """Give the backend's sine, cosine and tangent a small angle, and the area functions no difference that cancels.

    IREE's sine of 10,000 is off by 7e-4: the argument comes back to one turn here, with a fused multiply-add for each
    half of 2π (Cody and Waite's reduction), which holds to about 10⁷ in f32. `asinh` of a large negative number is
    minus infinity there, `acosh` below one is no NaN, and `log10` is a function that no library has. What is narrower
    than f32 is computed in f32, as PyTorch does.

    Before:

    ```mlir
    %r = math.sin %x : f32
    ```

    After:

    ```mlir
    %turns = arith.mulf %x, %one_over_two_pi : f32
    %k = math.roundeven %turns : f32
    %high = math.fma %k, %minus_two_pi, %x : f32
    %angle = math.fma %k, %minus_rest_of_two_pi, %high : f32
    %r = math.sin %angle : f32
    ```
    """

    name: ClassVar[str] = "infer-exact-unary"

    def run(self, module: ir.Operation) -> None:
        for op in operations(module, *_BUILDERS):
            kind: Any = op.operands[0].type
            if not isinstance(kind, ir.FloatType):
                continue
            with op.location, ir.InsertionPoint(op):
                wide = kind if kind.width >= 32 else ir.F32Type.get()
                x = op.operands[0] if wide == kind else arith.extf(wide, op.operands[0])
                exact = _BUILDERS[op.operation.name](_Scalar(wide), x)
                exact = exact if wide == kind else arith.truncf(kind, exact)
            op.operation.results[0].replace_all_uses_with(exact)
            op.operation.erase()


@dataclass(frozen=True)
class _Scalar:
    """Constants and comparisons of one float type."""

    kind: Any

    def __call__(self, value: float) -> ir.Value:
        return arith.constant(self.kind, value)

    def parts(self, value: float, rest: float) -> tuple[float, float]:
        """`value` + `rest` as two numbers of this type, the second being what the first rounds away."""
        if self.kind.width > 32:
            return value, rest
        first = float(np.float32(value))
        return first, float(np.float32(value - first))


def _within_a_turn(function: Callable[[ir.Value], ir.Value]) -> Callable[[_Scalar, ir.Value], ir.Value]:
    def build(s: _Scalar, x: ir.Value) -> ir.Value:
        turn, rest = s.parts(math.tau, 2.4492935982947064e-16)
        turns = mlir_math.roundeven(arith.mulf(x, s(1 / math.tau)))
        angle = mlir_math.fma(turns, s(-rest), mlir_math.fma(turns, s(-turn), x))
        return function(angle)

    return build


def _asinh(s: _Scalar, x: ir.Value) -> ir.Value:
    size = mlir_math.absf(x)
    square = arith.mulf(size, size)
    root = mlir_math.sqrt(arith.addf(square, s(1.0)))
    # log(a + sqrt(a² + 1)), written so that a small `a` does not drown in the 1.
    near = mlir_math.log1p(arith.addf(size, arith.divf(square, arith.addf(root, s(1.0)))))
    return mlir_math.copysign(arith.select(_is_large(s, size), _log_of_twice(s, size), near), x)


def _acosh(s: _Scalar, x: ir.Value) -> ir.Value:
    above = arith.subf(x, s(1.0))
    root = mlir_math.sqrt(arith.mulf(above, arith.addf(x, s(1.0))))
    area = arith.select(_is_large(s, x), _log_of_twice(s, x), mlir_math.log1p(arith.addf(above, root)))
    return arith.select(arith.cmpf(arith.CmpFPredicate.OLT, x, s(1.0)), s(math.nan), area)


def _log10(s: _Scalar, x: ir.Value) -> ir.Value:
    return arith.mulf(mlir_math.log(x), s(1 / math.log(10)))


def _is_large(s: _Scalar, x: ir.Value) -> ir.Value:
    """Where 1 is nothing beside the square, and the square may overflow."""
    return arith.cmpf(arith.CmpFPredicate.OGT, x, s(1e9))


def _log_of_twice(s: _Scalar, x: ir.Value) -> ir.Value:
    return arith.addf(mlir_math.log(x), s(math.log(2.0)))


_BUILDERS: dict[str, Callable[[_Scalar, ir.Value], ir.Value]] = {
    "math.sin": _within_a_turn(mlir_math.sin),
    "math.cos": _within_a_turn(mlir_math.cos),
    "math.tan": _within_a_turn(mlir_math.tan),
    "math.asinh": _asinh,
    "math.acosh": _acosh,
    "math.log10": _log10,
}
