"""Products of matrices with a weight: what they look like."""

from torch_mlir import ir


def is_zero_fill(value: ir.Value) -> bool:
    """Whether `value` is a tensor of zeros."""
    fill = value.owner
    if isinstance(fill, ir.Block) or fill.operation.name != "linalg.fill":
        return False
    constant = fill.operands[0].owner
    if isinstance(constant, ir.Block) or constant.operation.name != "arith.constant":
        return False
    return ir.FloatAttr(constant.attributes["value"]).value == 0.0
