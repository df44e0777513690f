"""`infer-lower-transfers`: where all stages run in one module, a transfer is nothing."""

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from ...dialects.infer import Transfer
from ..base import Pass
from ..walk import operations


@dataclass(frozen=True)
class LowerTransfers(Pass):
    """Replace every `infer.transfer` by the value that it moves.

    For a module that runs in one place as a whole; between modules the runtime hands the values over.

    Before:

    ```mlir
    %there = "infer.transfer"(%here) {source = "cpu0", target = "cpu1"} : (tensor<4xf32>) -> tensor<4xf32>
    use(%there)
    ```

    After:

    ```mlir
    use(%here)
    ```
    """

    name: ClassVar[str] = "infer-lower-transfers"
    ends_contract: ClassVar[int] = 2

    def run(self, module: ir.Operation) -> None:
        """Never fails."""
        for transfer in operations(module, Transfer.OPERATION_NAME):
            transfer.result.replace_all_uses_with(transfer.value)
            transfer.operation.erase()
