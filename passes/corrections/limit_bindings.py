"""`infer-limit-bindings`: no chain of elementwise operations reads more tensors than one dispatch may."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir

from infc.errors import CompileError

from ..base import Pass
from ..elementwise import sizes_of
from ..sizes import varying
from ..walk import operations

# What only looks at a tensor in another shape.
_VIEWS = {"tensor.expand_shape", "tensor.collapse_shape", "tensor.cast"}
# What has no bytes to bind: it is computed where it is read.
_FREE = {"arith.constant", "tensor.empty", "linalg.fill"}


@dataclass(frozen=True)
class LimitBindings(Pass):
    """Cut chains of elementwise operations that read more than `limit` tensors.

    IREE fuses such a chain into one dispatch, whatever the number of tensors that it then reads and writes; its runtime
    binds 32 at most, and does not load the module. A barrier, through which nothing is fused, stands where the chain is
    cut. The default leaves room for results and for what else is fused. The context must allow unregistered dialects.

    Before, with a limit of 3:

    ```mlir
    %ab = linalg.add ins(%a, %b) …
    %abc = linalg.add ins(%ab, %c) …
    %abcd = linalg.add ins(%abc, %d) …
    ```

    After:

    ```mlir
    %abc = linalg.add ins(%ab, %c) …
    %whole = "util.optimization_barrier"(%abc) …
    %abcd = linalg.add ins(%whole, %d) …
    ```
    """

    name: ClassVar[str] = "infer-limit-bindings"

    limit: int = 24

    def __post_init__(self) -> None:
        if self.limit < 2:
            raise CompileError(
                f"pass {self.name}: option limit is {self.limit}, expected 2 or more",
                hint="24 is what one dispatch of IREE's takes",
                stage=self.name,
            )

    def run(self, module: ir.Operation) -> None:
        """Every linalg operation, from the first: what those before it read is known by then."""
        read: dict[ir.Value, frozenset[ir.Value]] = {}  # of what an elementwise operation gives
        whole: dict[ir.Value, ir.Value] = {}  # the same behind a barrier
        for op in operations(module):
            if op.operation.name.startswith("linalg."):
                self._look_at(op.operation, read, whole)

    def _look_at(
        self, op: ir.Operation, read: dict[ir.Value, frozenset[ir.Value]], whole: dict[ir.Value, ir.Value]
    ) -> None:
        # Those that bring most are cut first.
        places = sorted(range(len(op.operands)), key=lambda place: -len(_read(op.operands[place], read)))
        for place in places:
            found = frozenset[ir.Value]().union(*(_read(operand, read) for operand in op.operands))
            value = op.operands[place]
            if len(found) <= self.limit or len(_read(value, read)) < 2:
                break
            if value not in whole:
                with op.location, ir.InsertionPoint(op):
                    whole[value] = _barrier(value)
            op.operands[place] = whole[value]
        if _is_elementwise(op):
            found = frozenset[ir.Value]().union(*(_read(operand, read) for operand in op.operands))
            read.update(dict.fromkeys(op.results, found))


def _barrier(value: ir.Value) -> ir.Value:
    """The value behind a barrier, which says nothing of sizes that vary: so they are tied to what is behind it."""
    kind = value.type
    barrier = ir.Operation.create("util.optimization_barrier", results=[kind], operands=[value]).result
    sizes = sizes_of(value, varying(value))
    if not sizes:
        return barrier
    return ir.Operation.create("flow.tensor.tie_shape", results=[kind], operands=[barrier, *sizes]).result


def _read(value: ir.Value, read: dict[ir.Value, frozenset[ir.Value]]) -> frozenset[ir.Value]:
    """What a dispatch binds that computes `value` beside what it is for."""
    while not isinstance(value.owner, ir.Block) and value.owner.operation.name in _VIEWS:
        value = value.owner.operation.operands[0]
    if value in read:
        return read[value]
    free = not isinstance(value.type, ir.RankedTensorType)
    free = free or (not isinstance(value.owner, ir.Block) and value.owner.operation.name in _FREE)
    return frozenset() if free else frozenset([value])


def _is_elementwise(op: ir.Operation) -> bool:
    if "iterator_types" not in op.attributes:
        return False
    kinds: Any = op.attributes["iterator_types"]
    return all("parallel" in str(kind) for kind in kinds)
