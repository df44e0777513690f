"""`infer-guard-gathers`: an index read from data never leaves the tensor that it indexes."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, tensor

from ..base import Pass
from ..walk import operations

# An index made only of these is one of the loop's own, and in range by construction.
_TRUSTED = {"arith.constant", "linalg.index"}


@dataclass(frozen=True)
class GuardGathers(Pass):
    """Clamp every index of a `tensor.extract` that comes from data to the dimension that it indexes.

    PyTorch raises an IndexError for an index out of range; torch-mlir leaves a `cf.assert` for it, which compiled code
    for a device does not keep: it would read whatever lies behind the tensor, in a process that other models share. The
    interface refuses such inputs where it can know their bounds; here memory is safe for the indices it cannot know.

    Before:

    ```mlir
    %i = arith.index_cast %in : i64 to index
    cf.assert %ok, "index must be smaller than dim size"
    %v = tensor.extract %table[%i, %j] : tensor<512x768xf32>
    ```

    After:

    ```mlir
    %i = arith.index_cast %in : i64 to index
    %low = arith.maxsi %i, %c0 : index
    %safe = arith.minsi %low, %c511 : index
    %v = tensor.extract %table[%safe, %j] : tensor<512x768xf32>
    ```
    """

    name: ClassVar[str] = "infer-guard-gathers"

    def run(self, module: ir.Operation) -> None:
        """Also takes the assertions away, which nothing would evaluate."""
        for extract in operations(module, "tensor.extract"):
            source = extract.operands[0]
            for axis in range(source.type.rank):
                index = extract.operands[axis + 1]
                if not _trusted(index):
                    extract.operation.operands[axis + 1] = _clamp(extract, index, axis)
        for check in operations(module, "cf.assert"):
            check.operation.erase()


def _trusted(index: ir.Value) -> bool:
    return not isinstance(index.owner, ir.Block) and index.owner.operation.name in _TRUSTED


def _clamp(extract: Any, index: ir.Value, axis: int) -> ir.Value:
    source = extract.operands[0]
    kind = ir.IndexType.get(extract.operation.context)
    with extract.location, ir.InsertionPoint(extract):
        low = arith.maxsi(index, arith.constant(kind, 0))
        if not source.type.is_dynamic_dim(axis):
            return arith.minsi(low, arith.constant(kind, max(source.type.shape[axis] - 1, 0)))
        size = tensor.dim(source, arith.constant(kind, axis))
        return arith.minsi(low, arith.subi(size, arith.constant(kind, 1)))
