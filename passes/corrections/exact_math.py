"""`infer-exact-math`: pow and atan2 where the backend's approximations have no answer."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith
from torch_mlir.dialects import math as mlir_math

from ..base import Pass
from ..walk import operations


@dataclass(frozen=True)
class ExactMath(Pass):
    """Leave the backend only those arguments of `math.powf` and `math.atan2` that it computes like IEEE 754.

    IREE expands `powf` into `exp(y * log(x))`, which is NaN for every negative base, for 0 to the 0 and for 1 to the
    infinity, `atan2` into a quotient, which is NaN at the origin, and a negative power of 0 is minus infinity. Here the
    reciprocal of the positive power is taken, and elsewhere the magnitude is computed from absolute
    values, and the sign and the special cases, which are exact, are selected around it. What is constant folds.

    Before:

    ```mlir
    %r = math.atan2 %y, %x : f32
    ```

    After, the cases of the origin and of two infinities left out:

    ```mlir
    %r0 = math.atan2 %abs_y, %abs_x : f32
    %r1 = arith.subf %pi, %r0 : f32
    %r2 = arith.select %x_is_negative, %r1, %r0 : f32
    %r = math.copysign %r2, %y : f32
    ```
    """

    name: ClassVar[str] = "infer-exact-math"

    def run(self, module: ir.Operation) -> None:
        for op_name, build in (("math.powf", _pow), ("math.atan2", _atan2)):
            for op in operations(module, op_name):
                first, second = op.operands
                if not isinstance(first.type, ir.FloatType):
                    continue
                with op.location, ir.InsertionPoint(op):
                    exact = build(_Scalar(first.type), first, second)
                op.operation.results[0].replace_all_uses_with(exact)
                op.operation.erase()
        for op in operations(module, "math.fpowi"):
            _whole_power(op)


def _whole_power(op: Any) -> None:
    base, exponent = op.operands
    value = _constant(exponent)
    if value is None or value >= 0 or not isinstance(base.type, ir.FloatType):
        return
    with op.location, ir.InsertionPoint(op):
        positive = base if value == -1 else mlir_math.fpowi(base, arith.constant(exponent.type, -value))
        exact = arith.divf(arith.constant(base.type, 1.0), positive)
    op.operation.results[0].replace_all_uses_with(exact)
    op.operation.erase()


def _constant(value: ir.Value) -> int | None:
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.operation.name != "arith.constant":
        return None
    return ir.IntegerAttr(owner.operation.attributes["value"]).value


def _pow(s: "_Scalar", x: ir.Value, y: ir.Value) -> ir.Value:
    one, size = s.constant(1.0), s.abs(x)
    is_one = s.either(s.equal(y, s.constant(0.0)), s.equal(size, one))
    power = arith.select(is_one, one, mlir_math.powf(size, y))
    half = arith.mulf(y, s.constant(0.5))
    whole = s.equal(mlir_math.trunc(y), y)
    odd = s.both(whole, s.unequal(mlir_math.trunc(half), half))
    signed = arith.select(odd, arith.negf(power), power)
    # Of a negative base only integers are powers, but of minus zero and minus infinity all are.
    has_power = s.either(whole, s.either(s.equal(size, s.constant(0.0)), s.equal(size, s.constant(math.inf))))
    of_negative = arith.select(has_power, signed, s.constant(math.nan))
    return arith.select(s.is_negative(x), of_negative, power)


def _atan2(s: "_Scalar", y: ir.Value, x: ir.Value) -> ir.Value:
    zero, infinity, rise, run = s.constant(0.0), s.constant(math.inf), s.abs(y), s.abs(x)
    at_origin = s.both(s.equal(rise, zero), s.equal(run, zero))
    diagonal = s.both(s.equal(rise, infinity), s.equal(run, infinity))
    angle = arith.select(at_origin, zero, mlir_math.atan2(rise, run))
    angle = arith.select(diagonal, s.constant(math.pi / 4), angle)
    angle = arith.select(s.is_negative(x), arith.subf(s.constant(math.pi), angle), angle)
    return mlir_math.copysign(angle, y)


@dataclass(frozen=True)
class _Scalar:
    """Arithmetic on values of one float type."""

    kind: Any

    def constant(self, value: float) -> ir.Value:
        return arith.constant(self.kind, value)

    def abs(self, value: ir.Value) -> ir.Value:
        return mlir_math.absf(value)

    def equal(self, one: ir.Value, other: ir.Value) -> ir.Value:
        return arith.cmpf(arith.CmpFPredicate.OEQ, one, other)

    def unequal(self, one: ir.Value, other: ir.Value) -> ir.Value:
        return arith.cmpf(arith.CmpFPredicate.UNE, one, other)

    def is_negative(self, value: ir.Value) -> ir.Value:
        """Also of minus zero, which no comparison tells from zero."""
        sign = mlir_math.copysign(self.constant(1.0), value)
        return arith.cmpf(arith.CmpFPredicate.OLT, sign, self.constant(0.0))

    def both(self, one: ir.Value, other: ir.Value) -> ir.Value:
        return arith.andi(one, other)

    def either(self, one: ir.Value, other: ir.Value) -> ir.Value:
        return arith.ori(one, other)
