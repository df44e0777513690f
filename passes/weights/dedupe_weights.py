"""`infer-dedupe-weights`: weights with the same contents become one."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir

from ...dialects.infer import Weight
from ..base import Pass
from ..walk import operations


@dataclass(frozen=True)
class DedupeWeights(Pass):
    """Replace a weight by an earlier one of the same digest, layout and type: a tied weight is stored once.

    The key that stays is the first in program order.

    Before:

    ```mlir
    %a = "infer.weight"() {key = "wte.weight", digest = "sha256:1", …} : () -> tensor<8x4xf32>
    %b = "infer.weight"() {key = "lm_head.weight", digest = "sha256:1", …} : () -> tensor<8x4xf32>
    use(%a, %b)
    ```

    After:

    ```mlir
    %a = "infer.weight"() {key = "wte.weight", digest = "sha256:1", …} : () -> tensor<8x4xf32>
    use(%a, %a)
    ```
    """

    name: ClassVar[str] = "infer-dedupe-weights"

    def run(self, module: ir.Operation) -> None:
        """Works block by block: a value does not cross from one stage or function into another, a key does."""
        keys: dict[tuple[str, str, str], Any] = {}
        first: dict[tuple[ir.Block, tuple[str, str, str]], Any] = {}
        for weight in operations(module, Weight.OPERATION_NAME):
            identity = (weight.digest.value, weight.layout.value, str(weight.results[0].type))
            weight.operation.attributes["key"] = keys.setdefault(identity, weight.key)
            earlier = first.setdefault((weight.operation.block, identity), weight)
            if earlier is not weight:
                weight.results[0].replace_all_uses_with(earlier.results[0])
                weight.operation.erase()
