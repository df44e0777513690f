"""`infer-own-results`: what a function returns is memory of its own."""

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from ..base import Pass
from ..walk import operations
from .own_destinations import PARTS, copy_tensor

_CONSTANT = ("util.global.load", "arith.constant", "infer.weight")


@dataclass(frozen=True)
class OwnResults(Pass):
    """Copy a result that lies in a weight's memory, or in that of another result.

    Who calls the function may write into what it gets: a caller into its array, the next stage of a model into its
    input. A weight's memory is read-only, and two results in one place would change together. A result that is an
    argument's memory is the caller's already. The context must allow unregistered dialects.

    Before:

    ```mlir
    %flat = tensor.collapse_shape %x [[0, 1]] : tensor<4x4xf32> into tensor<16xf32>
    return %x, %flat
    ```

    After:

    ```mlir
    %flat = tensor.collapse_shape %x [[0, 1]] : tensor<4x4xf32> into tensor<16xf32>
    %mine = linalg.generic … ins(%flat) {  // select(%own, in, 0)
    return %x, %mine
    ```
    """

    name: ClassVar[str] = "infer-own-results"

    def run(self, module: ir.Operation) -> None:
        """Every function that returns tensors."""
        for end in operations(module, "func.return"):
            seen: set[ir.Value] = set()
            for place, value in enumerate(end.operation.operands):
                if not isinstance(value.type, ir.RankedTensorType):
                    continue
                root = _root(value)
                if root in seen or _constant(root):
                    with end.operation.location, ir.InsertionPoint(end):
                        end.operation.operands[place] = copy_tensor(value)
                seen.add(root)


def _root(value: ir.Value) -> ir.Value:
    """The tensor whose memory the value lies in."""
    while not isinstance(value.owner, ir.Block) and value.owner.operation.name in PARTS:
        value = value.owner.operation.operands[0]
    return value


def _constant(value: ir.Value) -> bool:
    return not isinstance(value.owner, ir.Block) and value.owner.operation.name in _CONSTANT
