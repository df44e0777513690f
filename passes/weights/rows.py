"""Which reads of a weight take a few rows of it: those of tables that an input of the program indexes."""

from typing import Any

from torch_mlir import ir

_CLAMPS = {"arith.minsi", "arith.maxsi", "arith.index_cast"}  # as `infer-guard-gathers` leaves an index from data


def reads_rows(op: Any, number: int) -> bool:
    """Whether `op` reads of its operand `number` whole rows, whose numbers an input of the function gives.

    Of a weight that all read like that, an embedding table, nobody knows before the call which part it needs, and
    afterwards it is little.
    """
    if number:
        return False
    if op.operation.name != "tensor.extract" or len(op.operands) < 2:  # the tensor and one index
        return False
    _, row, *others = op.operands
    whole = all(not isinstance(each.owner, ir.Block) and each.owner.operation.name == "linalg.index" for each in others)
    return whole and _is_input(row)


def _is_input(index: ir.Value) -> bool:
    """Whether the index is an element of an argument of the function, clamped or not."""
    while not isinstance(index.owner, ir.Block):
        if index.owner.operation.name not in _CLAMPS:
            return False
        index = index.owner.operation.operands[0]
    loop = index.owner.owner.operation
    number = ir.BlockArgument(index).arg_number
    if loop.name != "linalg.generic" or number >= len(loop.operands):
        return False
    owner = loop.operands[number].owner
    return isinstance(owner, ir.Block) and owner.owner.operation.name == "func.func"
