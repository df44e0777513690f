"""Walking over operations."""

from typing import Any

from torch_mlir import ir


def operations(root: ir.Operation, *names: str) -> list[Any]:
    """All operations below `root` with one of `names` (all when none is given), in program order.

    A list, so that the caller may erase and replace what it holds while it goes through it.
    """
    found: list[Any] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if not names or op.name in names:
            found.append(op.opview)
        return ir.WalkResult.ADVANCE

    root.walk(visit, ir.WalkOrder.PRE_ORDER)
    return found
