"""`mem-lower`: the schedule leaves the program and becomes a plan."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir

from ...dialects.mem import Prefetch, Release, Require, Slab
from ..base import Pass
from ..walk import operations

PLAN_ATTRIBUTE = "mem.plan"


@dataclass(frozen=True)
class MemLower(Pass):
    """Move what the `mem` operations say into the module's attribute `mem.plan`, a list of steps in program order.

    Before:

    ```mlir
    "mem.slab"() {sym_name = "main", length = 64 : i64, alignment = 64 : i64, chunks = 1 : i64} : () -> ()
    func.func @main() {
      "mem.prefetch"() {slab = @main, key = "w", bytes = 64 : i64} : () -> ()
      "mem.require"() {slab = @main, key = "w"} : () -> ()
      …
    ```

    After:

    ```mlir
    module attributes {mem.plan = [{bytes = 64 : i64, key = "w", slab = "main", step = "prefetch"},
                                   {key = "w", slab = "main", step = "require"}]} {
      func.func @main() {
        …
    ```
    """

    name: ClassVar[str] = "mem-lower"
    ends_contract: ClassVar[int] = 2

    def run(self, module: ir.Operation) -> None:
        """Never fails."""
        found = operations(module, Prefetch.OPERATION_NAME, Require.OPERATION_NAME, Release.OPERATION_NAME)
        module.attributes[PLAN_ATTRIBUTE] = ir.ArrayAttr.get([_step(op) for op in found], context=module.context)
        for op in [*found, *operations(module, Slab.OPERATION_NAME)]:
            op.operation.erase()


def fetched(module: ir.Operation) -> list[str]:
    """The keys of the weights in the order in which a lowered schedule fetches them, each once."""
    steps: Any = module.attributes.get(PLAN_ATTRIBUTE, ())
    return list(dict.fromkeys(step["key"].value for step in steps if step["step"].value == "prefetch"))


def _step(op: Any) -> ir.DictAttr:
    attributes = op.operation.attributes
    entries: dict[str, ir.Attribute] = {
        "step": ir.StringAttr.get(op.operation.name.removeprefix("mem."), op.context),
        "slab": ir.StringAttr.get(attributes["slab"].value, op.context),
        "key": attributes["key"],
    }
    if "bytes" in attributes:
        entries["bytes"] = attributes["bytes"]
    return ir.DictAttr.get(entries, op.context)
