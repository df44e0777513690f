"""`infer-lower-weights`: the last pass of ours; every weight becomes a parameter that IREE binds at load."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir

from ...dialects.infer import Weight
from ..base import Pass, PassError
from ..stages.mem_lower import PLAN_ATTRIBUTE
from ..walk import operations

PARAMETER_SCOPE = "model"


@dataclass(frozen=True)
class LowerWeights(Pass):
    """Replace each `infer.weight` by a load of a `util.global` that is a parameter of the scope `model`.

    The context must allow unregistered dialects: `util` and `stream` are IREE's, and travel as text. A plan for the
    weights (`mem-lower`) goes with them.

    Before:

    ```mlir
    %w = "infer.weight"() {key = "a.b", …} : () -> tensor<4xf32>
    ```

    After:

    ```mlir
    "util.global"() {sym_name = "__weight_0", type = tensor<4xf32>, sym_visibility = "private",
                     initial_value = #stream.parameter.named<"model"::"a.b"> : tensor<4xf32>} : () -> ()
    %w = "util.global.load"() {global = @__weight_0} : () -> tensor<4xf32>
    ```
    """

    name: ClassVar[str] = "infer-lower-weights"

    def run(self, module: ir.Operation) -> None:
        """One global for each key, in the order of first use. Raises CompileError when two weights have one key."""
        if PLAN_ATTRIBUTE in module.attributes:
            del module.attributes[PLAN_ATTRIBUTE]
        symbols: dict[str, str] = {}
        meant: dict[str, str] = {}
        top = module.regions[0].blocks[0]
        for weight in operations(module, Weight.OPERATION_NAME):
            kind = weight.results[0].type
            key = weight.key.value
            what = f"{weight.digest.value} as {kind} in {weight.layout.value}"
            if meant.setdefault(key, what) != what:
                raise PassError(
                    weight,
                    f"two weights have the key {key!r}: {meant[key]}, and {what}",
                    hint="a key names one parameter of the slab: give one of them another",
                )
            with weight.location:
                if key not in symbols:
                    symbols[key] = f"__weight_{len(symbols)}"
                    self._declare(top, symbols[key], key, kind)
                load = ir.Operation.create(
                    "util.global.load",
                    results=[kind],
                    attributes={"global": ir.FlatSymbolRefAttr.get(symbols[key])},
                    ip=ir.InsertionPoint(weight),
                )
            weight.results[0].replace_all_uses_with(load.results[0])
            weight.operation.erase()

    def _declare(self, top: Any, symbol: str, key: str, kind: ir.Type) -> None:
        ir.Operation.create(
            "util.global",
            attributes={
                "sym_name": ir.StringAttr.get(symbol),
                "sym_visibility": ir.StringAttr.get("private"),
                "type": ir.TypeAttr.get(kind),
                "initial_value": ir.Attribute.parse(
                    f"#stream.parameter.named<{_quote(PARAMETER_SCOPE)}::{_quote(key)}> : {kind}"
                ),
            },
            ip=ir.InsertionPoint.at_block_begin(top),
        )


def _quote(text: str) -> str:
    return str(ir.StringAttr.get(text))
