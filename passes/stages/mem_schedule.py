"""`mem-schedule`: the order in which a forward pass needs its weights, written down beside the computation."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir

from ...dialects.infer import Stage, Weight
from ...dialects.mem import CHUNK_BYTES, Prefetch, Release, Require, Slab
from ..base import Pass, PassError
from ..sizes import byte_size, parse_size
from ..walk import operations
from .cost import op_flops
from .dataflow import outer_operands
from .scheduling import Need, schedule

ALIGNMENT = 64  # what IREE asks of a parameter's place in memory


@dataclass(frozen=True)
class MemSchedule(Pass):
    """Declare a slab for every function that reads weights, and say when each weight must come and may go.

    `mem.require` stands before the first operation that reads a weight, `mem.release` behind the last, and
    `mem.prefetch` as early as it must so that the weight is there in time: weights come one after the other, at
    `bandwidth` a second, while operations take their floating point operations at `flops` a second. The slab is named
    after the function, and its length is that of its weights, each at its alignment; the artifact may pad them further.

    Before:

    ```mlir
    %w = "infer.weight"() {key = "w", …} : () -> tensor<1024x1024xf32>
    %a = linalg.… ins(%x)
    %b = linalg.… ins(%a, %w)
    ```

    After:

    ```mlir
    %w = "infer.weight"() {key = "w", …} : () -> tensor<1024x1024xf32>
    "mem.prefetch"() {slab = @slab_main, key = "w", bytes = 4194304 : i64} : () -> ()
    %a = linalg.… ins(%x)
    "mem.require"() {slab = @slab_main, key = "w"} : () -> ()
    %b = linalg.… ins(%a, %w)
    "mem.release"() {slab = @slab_main, key = "w"} : () -> ()
    ```
    """

    name: ClassVar[str] = "mem-schedule"
    bandwidth: str = "2GiB"
    flops: str = "50e9"

    def run(self, module: ir.Operation) -> None:
        """Raises CompileError: options that are no numbers, stages that are no functions yet, a schedule twice."""
        try:
            bandwidth, flops = float(parse_size(self.bandwidth)), float(self.flops)
        except ValueError as error:
            raise PassError(module, str(error), hint="for example mem-schedule{bandwidth=2GiB flops=50e9}") from None
        if not flops > 0:
            raise PassError(module, f"flops is {self.flops}, expected operations a second")
        for op in operations(module, Stage.OPERATION_NAME, Slab.OPERATION_NAME):
            why = "is there already" if op.operation.name == Slab.OPERATION_NAME else "must become a function first"
            raise PassError(op, f"{op.operation.name} {why}", hint="infer-outline-stages, then mem-schedule, once")
        for function in operations(module, "func.func"):
            if function.operation.regions[0].blocks:
                _schedule(function, bandwidth, flops)


def _schedule(function: Any, bandwidth: float, flops: float) -> None:
    block = function.operation.regions[0].blocks[0]
    weights = operations(function.operation, Weight.OPERATION_NAME)
    # Of a weight that is read through operations on it alone, such as a transpose, those are its first readers.
    steps = [op for op in block.operations if op.operation.name != Weight.OPERATION_NAME]
    needs = _needs(steps, weights)
    if not needs:
        return
    name = f"slab_{function.name.value}"  # a symbol, and functions are symbols of the same table
    length = sum(-(-need.size // ALIGNMENT) * ALIGNMENT for need in needs)
    with function.location:
        slab, i64 = ir.FlatSymbolRefAttr.get(name), ir.IntegerType.get_signless(64)
        with ir.InsertionPoint(function):
            Slab(
                sym_name=ir.StringAttr.get(name),
                length=ir.IntegerAttr.get(i64, length),
                alignment=ir.IntegerAttr.get(i64, ALIGNMENT),
                chunks=ir.IntegerAttr.get(i64, -(-length // CHUNK_BYTES)),
            )
        fetches = schedule(needs, [op_flops(op) / flops for op in steps], bandwidth).fetches
        # At one place what leaves comes first, then what is fetched, then what must be there.
        for need in needs:
            if need.last + 1 < len(steps):  # what the last operation reads, the return, stays
                with ir.InsertionPoint(steps[need.last + 1]):
                    Release(slab=slab, key=ir.StringAttr.get(need.key))
        for fetch in fetches:
            with ir.InsertionPoint(steps[fetch.start]):
                size = ir.IntegerAttr.get(i64, fetch.need.size)
                Prefetch(slab=slab, key=ir.StringAttr.get(fetch.need.key), bytes=size)
        for need in needs:
            with ir.InsertionPoint(steps[need.first]):
                Require(slab=slab, key=ir.StringAttr.get(need.key))


def _needs(steps: list[Any], weights: list[Any]) -> list[Need]:
    keys = {weight.results[0]: weight.key.value for weight in weights}
    readers: dict[str, list[int]] = {}
    sizes: dict[str, int] = {}
    for position, op in enumerate(steps):
        inside = operations(op.operation, Weight.OPERATION_NAME) if op.operation.regions else ()
        for value in (*outer_operands(op), *(weight.results[0] for weight in inside)):
            if value in keys:
                readers.setdefault(keys[value], []).append(position)
                sizes[keys[value]] = byte_size(value.type)
    # What has no bytes need not come.
    return [Need(key, sizes[key], positions[0], positions[-1]) for key, positions in readers.items() if sizes[key]]
