"""`infer-drop-empty-loops`: what loops over nothing gives what it began with."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir

from ..base import Pass
from ..walk import operations


@dataclass(frozen=True)
class DropEmptyLoops(Pass):
    """Replace a linalg operation that reads or gives a tensor without elements by what it writes into.

    Every loop runs over a dim of an operand, so that one of no size leaves nothing to do: a product over nothing is the
    zeros that it was to be added to. IREE's compiler divides by such a size, and dies of it.

    Before:

    ```mlir
    %p = linalg.matmul ins(%a, %b : tensor<3x0xf32>, tensor<0x4xf32>) outs(%zeros : tensor<3x4xf32>)
    ```

    After: `%zeros` in place of `%p`.
    """

    name: ClassVar[str] = "infer-drop-empty-loops"

    def run(self, module: ir.Operation) -> None:
        """Every operation of linalg on tensors, in program order."""
        for view in operations(module):
            op = view.operation
            if not op.name.startswith("linalg.") or not op.results or not any(map(_is_empty, op.operands)):
                continue
            inits = list(op.operands)[-len(op.results) :]
            for result, init in zip(op.results, inits, strict=True):
                result.replace_all_uses_with(init)
            op.erase()


def _is_empty(value: ir.Value) -> bool:
    kind: Any = value.type
    return isinstance(kind, ir.RankedTensorType) and 0 in kind.shape
