"""What one call of a program computes, estimated from its linalg."""

from math import prod
from typing import Any

from torch_mlir import ir

from ..walk import operations

# Product-like ops: two floating point operations for each point of the iteration space.
_CONTRACTIONS = ("linalg.matmul", "linalg.batch_matmul", "linalg.mmt4d", "linalg.matvec", "linalg.vecmat", "linalg.dot")


def flops(module: ir.Operation) -> int:
    """Floating point operations of one call: contractions and convolutions; elementwise work is not counted."""
    return sum(op_flops(op) for op in operations(module))


def op_flops(op: Any) -> int:
    """Floating point operations of one operation, without what is in its regions; a dynamic dim counts as one."""
    name = op.operation.name
    if name in _CONTRACTIONS:
        left, result = _shape(op.operands[0]), _shape(op.results[0])
        reduction = left[1] * left[3] if name == "linalg.mmt4d" else left[-1]
        return 2 * prod(result) * reduction
    if name.startswith(("linalg.conv_", "linalg.depthwise_conv_")):
        kernel, result = _shape(op.operands[1]), _shape(op.results[0])
        return 2 * prod(result) * prod(kernel) // max(_output_channels(name, kernel), 1)
    return 0


def _shape(value: Any) -> list[int]:
    kind = value.type
    return [1 if kind.is_dynamic_dim(axis) else size for axis, size in enumerate(kind.shape)]


def _output_channels(name: str, kernel: Any) -> int:
    # The kernel's dims are all reduced but the output channels, which lie last in hwcf and chw, first in fchw.
    return kernel[0] if name.endswith("fchw") else kernel[-1]
