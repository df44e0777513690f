"""Moving the operations of a function into `infer.stage`s."""

from collections.abc import Sequence
from typing import Any

from torch_mlir import ir

from ...dialects.infer import Stage, Transfer, Yield
from ..elementwise import sizes_of
from ..walk import operations
from .boxing import box, boxed_type, unbox
from .dataflow import Body

CAST = "builtin.unrealized_conversion_cast"


def make_stages(function: Any, body: Body, stages: Sequence[tuple[str, tuple[int, ...]]]) -> None:
    """Put the nodes of `body` into one stage for each of `stages`, a placement and the nodes' positions.

    No stage reads what a later one computes; the caller has seen to that. A scalar that another stage reads crosses as
    a tensor of no dims, unless the sizes of what that stage reads say it. The operations are copied and the originals
    erased: so that no use of a value has to be told from another.
    """
    *originals, end = list(body.block.operations)
    parts = [[body.nodes[position] for position in members] for _, members in stages]
    read_by = [dict.fromkeys(value for op in part for value in body.reads(op)) for part in parts]
    values = {argument: _Place(argument) for argument in body.block.arguments}
    with function.location, ir.InsertionPoint(end):
        for k, (placement, _) in enumerate(stages):
            wanted = set(end.operation.operands).union(*read_by[k + 1 :])
            outputs = [result for op in parts[k] for result in op.operation.results if result in wanted]
            _make_stage(f"stage{k}", placement, parts[k], read_by[k], outputs, body, values)
        for position, operand in enumerate(end.operation.operands):
            end.operation.operands[position] = unbox(values[operand].value, operand.type)
    for op in reversed(originals):
        op.operation.erase()


def copy_op(op: Any, where: ir.InsertionPoint, mapping: dict[Any, ir.Value]) -> None:
    """Copy `op` with all that is in it, reading `mapping`'s values instead of its own; its results join `mapping`."""
    copy = op.operation.clone(where)
    for nested in operations(copy.operation):
        for position, operand in enumerate(nested.operation.operands):
            if operand in mapping:
                nested.operation.operands[position] = mapping[operand]
    mapping.update(zip(op.operation.results, copy.operation.results, strict=True))


def callee_of(call: Any) -> Any:
    """The func.func that a func.call calls."""
    module = call.operation.parent
    while module.parent is not None:
        module = module.parent
    return next(each for each in operations(module, "func.func") if each.name.value == call.callee.value)


def pack(values: Sequence[ir.Value]) -> ir.Value:
    """The tuple of `values`."""
    kind = ir.TupleType.get_tuple([value.type for value in values])
    return ir.Operation.create(CAST, results=[kind], operands=list(values)).results[0]


def unpack(packed: ir.Value) -> list[ir.Value]:
    """The values in a tuple."""
    kind = ir.TupleType(packed.type)
    types = [kind.get_type(position) for position in range(kind.num_types)]
    if not types:
        return []
    return list(ir.Operation.create(CAST, results=types, operands=[packed]).results)


class _Place:
    """A value as the function has it between the stages: where it was made, and where it has been brought."""

    def __init__(self, value: ir.Value, placement: str = "") -> None:
        self.value = value
        self._there = {placement: value} if placement else {}
        self._placement = placement

    def on(self, placement: str) -> ir.Value:
        """The value on `placement`; it is brought there once. An argument is where it is needed."""
        if not self._placement:
            return self.value
        if placement not in self._there:
            self._there[placement] = Transfer(
                source=ir.StringAttr.get(self._placement),
                target=ir.StringAttr.get(placement),
                value=self.value,
                result=self.value.type,
            ).results[0]
        return self._there[placement]


def _make_stage(
    name: str,
    placement: str,
    members: Sequence[Any],
    reads: dict[Any, None],
    outputs: Sequence[Any],
    body: Body,
    values: dict[Any, _Place],
) -> None:
    repeated = body.needed(reads)
    inputs = [value for value in reads if value in values]
    dims = {op.operation: body.extents.find(op, inputs) for op in repeated if body.extents and body.is_dim(op)}
    inputs = list(dict.fromkeys([*inputs, *(value for value, _ in dims.values())]))
    given = [values[value].on(placement) for value in inputs]
    stage = Stage(
        stage=ir.StringAttr.get(name),
        placement=ir.StringAttr.get(placement),
        inputs=pack(given),
        outputs=ir.TupleType.get_tuple([boxed_type(value.type) for value in outputs]),
    )
    block = stage.body.blocks.append(*(value.type for value in given))
    with ir.InsertionPoint(block):
        mapping: dict[Any, ir.Value] = {
            value: unbox(argument, value.type) for value, argument in zip(inputs, block.arguments, strict=True)
        }
        for op in body.in_order(repeated, members):
            if op.operation in dims:
                value, axis = dims[op.operation]
                (mapping[op.operation.results[0]],) = sizes_of(mapping[value], [axis])
            else:
                copy_op(op, ir.InsertionPoint.current, mapping)
        Yield(values=pack([box(mapping[value]) for value in outputs]))
    results = unpack(stage.outputs)
    values.update({value: _Place(result, placement) for value, result in zip(outputs, results, strict=True)})
