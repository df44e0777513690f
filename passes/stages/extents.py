"""How large values are, as expressions of the dims that the caller chooses."""

from collections.abc import Sequence
from typing import Any

import sympy
from torch_mlir import ir

from ..sizes import shape_of, varying
from .arithmetic import Size, applied, combine, compare, dim, product, total
from .dims import Dims
from .staging import callee_of

_CASTS = {"arith.index_cast", "arith.extsi", "arith.extui"}


class Extents:
    """The sizes of a function's values, followed back to the dims of its arguments.

    A dim is called as the argument's attribute `rpc.dims` says, or after the argument and the axis, `arg0_1`: what has
    one name has one size. Nothing is known of sizes that data decides.

    Args:
        function: a func.func with one block.
        given: the sizes of its arguments, for a function that another one calls.
        callers: the names of the functions around it.

    Raises PassError: as `Dims.of`.
    """

    def __init__(
        self, function: Any, given: Sequence[Sequence[Size]] | None = None, callers: Sequence[str] = ()
    ) -> None:
        self._block: Any = function.operation.regions[0].blocks[0]
        self._callers = (*callers, function.name.value)
        dims = Dims.of(function) if given is None else Dims((), {})
        self._arguments = _symbols(function, dims) if given is None else given
        self._high: dict[Any, Any] = {dim(name, each.low): each.high for name, each in dims.ranges.items()}
        self._known: dict[tuple[Any, int], Size] = {}
        self._calls: dict[Any, Extents] = {}

    def along(self, value: ir.Value, axis: int) -> Size:
        """The size of a tensor along an axis; None when nothing is known."""
        kind = value.type
        if not isinstance(kind, ir.RankedTensorType):
            return None
        if not kind.is_dynamic_dim(axis):
            return sympy.Integer(kind.get_dim_size(axis))
        return self._once(value, axis)

    def number(self, value: ir.Value) -> Size:
        """What an integer or index is that is computed from sizes alone; None when it is not."""
        return self._once(value, _ITSELF) if isinstance(value.type, ir.IndexType | ir.IntegerType) else None

    def largest(self, value: ir.Value) -> list[int]:
        """The sizes of a tensor when every dim is as large as it may be; what is not known counts as one, and so does a
        dim whose range is not said."""
        kind = value.type
        if not isinstance(kind, ir.RankedTensorType) or kind.has_static_shape:
            return shape_of(kind)
        known = (self.along(value, axis) for axis in range(kind.rank))
        sizes: list[Any] = [None if size is None else size.subs(self._high) for size in known]
        return [max(int(size), 0) if size is not None and size.is_Integer else 1 for size in sizes]

    def is_dim(self, op: Any) -> bool:
        """Whether an operation asks for a size that is one of the dims."""
        return op.operation.name == "tensor.dim" and isinstance(self.number(op.operation.results[0]), sympy.Symbol)

    def find(self, op: Any, values: Sequence[ir.Value]) -> tuple[ir.Value, int]:
        """A tensor and an axis with the dim that the operation asks for: of `values` where one has it, otherwise an
        argument."""
        wanted = self.number(op.operation.results[0])
        for value in (*values, *self._block.arguments):
            for axis, size in enumerate(self._all(value)):
                if size == wanted:
                    return value, axis
        raise LookupError(f"no argument has the dim {wanted}")

    def _once(self, value: ir.Value, axis: int) -> Size:
        place = value, axis
        if place not in self._known:
            self._known[place] = None  # for what is behind itself
            self._known[place] = self._computed(value) if axis == _ITSELF else self._behind(value, axis)
        return self._known[place]

    def _computed(self, value: ir.Value) -> Size:
        if isinstance(value.owner, ir.Block):
            return None
        op: Any = value.owner.opview
        name = op.operation.name
        match name:
            case "arith.constant":
                return sympy.Integer(ir.IntegerAttr(op.value).value)
            case "tensor.dim":
                axis = self.number(op.operands[1])
                return self.along(op.operands[0], int(axis)) if axis is not None and axis.is_Integer else None
            case "affine.apply":
                return applied(op.map.value, [self.number(each) for each in op.operands])
            case _ if name in _CASTS:
                return self.number(op.operands[0])
            case "arith.cmpi":
                return compare(ir.IntegerAttr(op.predicate).value, *(self.number(each) for each in op.operands))
            case "arith.select":
                chosen = self.number(op.operands[0])
                return None if chosen is None else self.number(op.operands[1 if chosen else 2])
            case _ if len(op.operands) == 2:
                return combine(name, *(self.number(each) for each in op.operands))
            case _:
                return None

    def _behind(self, value: ir.Value, axis: int) -> Size:
        if isinstance(value.owner, ir.Block):
            return self._arguments[ir.BlockArgument(value).arg_number][axis] if value.owner == self._block else None
        op: Any = value.owner.opview
        match op.operation.name:
            case "tensor.empty":
                return self.number(op.operands[varying(value).index(axis)])
            case "tensor.cast" | "infer.transfer":
                return self.along(op.operands[0], axis)
            case "tensor.insert_slice":
                return self.along(op.operands[1], axis)
            case "tensor.extract_slice":  # of its sizes those that vary, after the tensor and the offsets
                offsets = ir.DenseI32ArrayAttr(op.operation.attributes["operandSegmentSizes"])[1]
                return self.number(op.operands[1 + offsets + varying(value).index(axis)])
            case "tensor.expand_shape":
                return self.number(op.operands[1 + varying(value).index(axis)])
            case "tensor.pad":
                around = (self._padding(op, number, axis) for number in (1, 2))
                return total([self.along(op.operands[0], axis), *around])
            case "tensor.collapse_shape":
                return product([self.along(op.operands[0], each.value) for each in op.reassociation[axis]])
            case "tensor.reshape":
                return self._element(op.operands[1], axis)
            case "tensor.concat":
                sizes = [self.along(each, axis) for each in op.operands]
                return total(sizes) if op.dim.value == axis else sizes[0]
            case "func.call":
                return self._called(op, value, axis)
            case _:
                return self._written(op, value, axis)

    def _padding(self, pad: Any, segment: int, axis: int) -> Size:
        """What is before (segment 1) or behind (2) a padded tensor along an axis."""
        said = list(ir.DenseI64ArrayAttr(pad.operation.attributes[("static_low", "static_high")[segment - 1]]))
        if said[axis] != ir.ShapedType.get_dynamic_size():
            return sympy.Integer(said[axis])
        first = sum(list(ir.DenseI32ArrayAttr(pad.operation.attributes["operandSegmentSizes"]))[:segment])
        return self.number(pad.operands[first + said[:axis].count(said[axis])])

    def _element(self, shape: ir.Value, position: int) -> Size:
        """An element of a tensor that was made of its elements."""
        if isinstance(shape.owner, ir.Block) or shape.owner.operation.name != "tensor.from_elements":
            return None
        return self.number(shape.owner.operation.operands[position])

    def _written(self, op: Any, value: ir.Value, axis: int) -> Size:
        """The size of what an operation of linalg's writes into."""
        segments = op.operation.attributes
        if not op.operation.name.startswith("linalg.") or "operandSegmentSizes" not in segments:
            return None
        first = ir.DenseI32ArrayAttr(segments["operandSegmentSizes"])[0]
        return self.along(op.operands[first + list(op.operation.results).index(value)], axis)

    def _called(self, call: Any, value: ir.Value, axis: int) -> Size:
        if call.operation not in self._calls:
            callee = callee_of(call)
            if callee.name.value in self._callers or len(callee.operation.regions[0].blocks) != 1:
                return None
            given = [self._all(each) for each in call.operands]
            self._calls[call.operation] = Extents(callee, given, self._callers)
        inside = self._calls[call.operation]
        returned = list(inside._block.operations)[-1].operands
        return inside.along(returned[list(call.operation.results).index(value)], axis)

    def _all(self, value: ir.Value) -> list[Size]:
        kind = value.type
        return [self.along(value, axis) for axis in range(kind.rank)] if isinstance(kind, ir.RankedTensorType) else []


_ITSELF = -1  # in the place of an axis: of a value that is a number


def _symbols(function: Any, dims: Dims) -> list[list[Size]]:
    """The sizes of a function's arguments."""
    found: list[list[Size]] = []
    for argument, names in zip(function.operation.regions[0].blocks[0].arguments, dims.names, strict=True):
        kind = argument.type
        axes = range(kind.rank) if isinstance(kind, ir.RankedTensorType) else ()
        by_axis = dict(zip(varying(argument), names, strict=True))
        found.append([dim(by_axis[axis], _low(dims, by_axis[axis])) if axis in by_axis else None for axis in axes])
    return found


def _low(dims: Dims, name: str) -> int:
    return dims.ranges[name].low if name in dims.ranges else 0
