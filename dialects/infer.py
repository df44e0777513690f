"""The `infer` dialect: the model, its weights and where its parts run."""

from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import ext

from .layout import parse_layout


class Infer(ext.Dialect, name="infer"):
    """The model as infc sees it: computation on tensors, and weights that lie outside of the program."""


class Weight(Infer.Operation, name="weight", traits=[ext.Pure]):
    """A weight that lies outside of the IR, in the slab of its stage.

    `key` names it among the module's parameters; `digest` is the sha256 of the logical tensor (dtype, shape,
    contents), so that tied or equal weights are known as one; `logical` is the tensor's type in the source; `layout`
    says how it is packed (see `infc.dialects.layout`). The result's type is what the slab holds: its element type is
    the storage dtype, its shape the packed one.

    Example:

    ```mlir
    %w = "infer.weight"() {key = "encoder.dense.weight", digest = "sha256:9f86d081…", layout = "mmt4d[16,1]",
                           logical = tensor<768x768xf32>} : () -> tensor<48x768x16x1xf32>
    ```
    """

    key: ir.StringAttr
    digest: ir.StringAttr
    layout: ir.StringAttr
    logical: ir.TypeAttr
    result: ext.Result[ir.RankedTensorType]  # pyright: ignore[reportInvalidTypeForm] - the bindings make it a class

    @staticmethod
    def verify_invariants(op: Any) -> bool:
        """The key is there, the layout is known, and it turns the logical shape into the result's."""
        if not {"key", "digest", "layout", "logical"} <= set(op.attributes):
            return True  # IRDL's own verifier, which runs next, says what is missing
        problem = _weight_problem(op)
        if problem:
            op.location.emit_error(f"'infer.weight' op {problem}")
        return not problem


def _weight_problem(op: Any) -> str:
    key = ir.StringAttr(op.attributes["key"]).value
    if not key:
        return "needs a key that is not empty"
    logical = ir.TypeAttr(op.attributes["logical"]).value
    if not isinstance(logical, ir.RankedTensorType) or not logical.has_static_shape:
        return f"weight {key!r}: logical type must be a tensor of static shape, got {logical}"
    result = op.results[0].type
    try:
        expected = parse_layout(ir.StringAttr(op.attributes["layout"]).value).packed_shape(logical.shape)
    except ValueError as error:
        return f"weight {key!r}: {error}"
    if tuple(result.shape) != expected:
        want = "x".join(map(str, expected))
        return f"weight {key!r}: layout {op.attributes['layout']} of {logical} has shape {want}, the result is {result}"
    return ""
