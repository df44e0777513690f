"""`infer-verify-contract`: what holds between two parts of the compiler, checked."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir

from infc.errors import CompileError

from .base import Pass, PassError
from .sizes import byte_size
from .stages import contract_two

LITERAL_LIMIT = 1024  # bytes


@dataclass(frozen=True)
class VerifyContract(Pass):
    """Fail when the IR breaks contract `level`.

    Contract 1, after the weights left the program: no literal larger than 1 KiB (a splat has one element, whatever its
    shape), no resource, nothing of the torch dialect.

    Contract 2, after the model was cut: contract 1, and every stage is a function with a placement; all weights are in
    stages, prefetched and required before they are read; between stages there are calls, and transfers where the
    placement changes; every public function is a method of the interface.

    Before and after are the same:

    ```mlir
    %w = "infer.weight"() {…} : () -> tensor<768x768xf32>   // fine
    %c = arith.constant dense<[…]> : tensor<1024xf32>       // error: a literal of 4096 bytes
    ```
    """

    name: ClassVar[str] = "infer-verify-contract"
    level: int = 1

    def run(self, module: ir.Operation) -> None:
        """Raises CompileError naming the operation that breaks the contract."""
        if self.level not in (1, 2):
            raise CompileError(f"there is no contract {self.level}", hint="level=1 or level=2", stage=self.name)
        for op in _suspects(module):
            if op.operation.name != "arith.constant":
                raise PassError(op, f"contract 1: {op.operation.name} was not lowered")
            if any(True for _ in op.operation.results[0].uses):  # a dead one goes with the next canonicalization
                _check_literal(op)
        if self.level == 2:
            contract_two.check(module)


def _suspects(module: ir.Operation) -> list[Any]:
    """The operations that may break contract 1. Few of many: what is not wrapped costs a microsecond."""
    found: list[Any] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        name = op.name
        if name == "arith.constant" or name.startswith("torch."):
            found.append(op.opview)
        return ir.WalkResult.ADVANCE

    module.walk(visit, ir.WalkOrder.PRE_ORDER)
    return found


def _check_literal(op: Any) -> None:
    kind = op.results[0].type
    if not isinstance(kind, ir.RankedTensorType | ir.VectorType):
        return
    try:
        value = op.attributes["value"]
    except TypeError:  # complex numbers, which the bindings cannot read: none of them is a resource
        value = None
    if value is not None and not isinstance(value, ir.DenseElementsAttr):
        raise PassError(op, f"contract 1: a resource of type {kind} is no infer.weight")
    if value.is_splat if value is not None else "dense<(" in str(op):
        return
    size = byte_size(kind)
    if size > LITERAL_LIMIT:
        raise PassError(
            op,
            f"contract 1: a literal of {size} bytes ({kind}), at most {LITERAL_LIMIT} are allowed",
            hint="register it as a buffer of the module, so that it becomes a weight",
        )
