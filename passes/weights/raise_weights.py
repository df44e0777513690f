"""`infer-raise-weights`: constants that name a weight become `infer.weight`."""

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from ...dialects.infer import Weight
from ..base import Pass, PassError
from ..walk import operations

WEIGHTS_ATTRIBUTE = "infer.weights"


@dataclass(frozen=True)
class RaiseWeights(Pass):
    """Replace every `arith.constant` that is a resource without data by an `infer.weight`.

    The importer leaves each weight as a resource of the weight's name; the module's dictionary `infer.weights` says
    what digest each name has. The dictionary goes with this pass: from here on the op itself carries the digest.

    Before:

    ```mlir
    module attributes {infer.weights = {w = "sha256:9f…"}} {
      %w = arith.constant dense_resource<w> : tensor<4x8xf32>
    ```

    After:

    ```mlir
    module {
      %w = "infer.weight"() {key = "w", digest = "sha256:9f…", layout = "row_major", logical = tensor<4x8xf32>}
         : () -> tensor<4x8xf32>
    ```
    """

    name: ClassVar[str] = "infer-raise-weights"

    def run(self, module: ir.Operation) -> None:
        """Raises CompileError when a resource has no digest in `infer.weights`."""
        digests = _digests(module)
        for op in operations(module, "arith.constant"):
            key = _resource_name(op.attributes["value"])
            if key is None:
                continue
            if key not in digests:
                raise PassError(op, f"resource {key!r} has no entry in {WEIGHTS_ATTRIBUTE}")
            kind = op.results[0].type
            with op.location, ir.InsertionPoint(op):
                weight = Weight(
                    key=ir.StringAttr.get(key),
                    digest=ir.StringAttr.get(digests[key]),
                    layout=ir.StringAttr.get("row_major"),
                    logical=ir.TypeAttr.get(kind),
                    result=kind,
                )
            op.results[0].replace_all_uses_with(weight.results[0])
            op.erase()
        if WEIGHTS_ATTRIBUTE in module.attributes:
            del module.attributes[WEIGHTS_ATTRIBUTE]


def _digests(module: ir.Operation) -> dict[str, str]:
    if WEIGHTS_ATTRIBUTE not in module.attributes:
        return {}
    table = ir.DictAttr(module.attributes[WEIGHTS_ATTRIBUTE])
    return {entry.name: ir.StringAttr(entry.attr).value for entry in (table[i] for i in range(len(table)))}


def _resource_name(attribute: ir.Attribute) -> str | None:
    # The bindings neither downcast a resource without data nor name its handle; a cast that fails tells others apart.
    try:
        resource = ir.DenseResourceElementsAttr(attribute)
    except ValueError:
        return None
    text = str(resource).removeprefix("dense_resource<").rpartition("> : ")[0]
    # In quotes stands what is no bare name; other characters than ASCII's are escaped.
    return ir.StringAttr(ir.Attribute.parse(text, attribute.context)).value if text.startswith('"') else text
