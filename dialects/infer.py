"""The `infer` dialect: the model, its weights and where its parts run."""

from typing import Any, TypeVar

from torch_mlir import ir
from torch_mlir.dialects import ext

from .layout import parse_layout
from .transforms import derived_key, parse_transforms
from .verifying import element_types, text, verify

# The bindings make Operand and Result classes without saying that they are generic.
# pyright: reportInvalidTypeForm=false, reportGeneralTypeIssues=false

Same = TypeVar("Same")


class Infer(ext.Dialect, name="infer"):
    """The model as infc sees it: computation on tensors, weights that lie outside of the program, and the stages into
    which it is cut.

    What crosses a stage's border is one tuple, packed and unpacked by `builtin.unrealized_conversion_cast`: values of
    several types, which an operation defined over IRDL cannot take or give one by one.
    """


class Weight(Infer.Operation, name="weight", traits=[ext.Pure]):
    """A weight that lies outside of the IR, in the slab of its stage.

    - `key` names it among the module's parameters. It may end with the layout, `w@mmt4d[16,1]`, so that one slab can
      hold a weight in several.
    - `digest` is the sha256 of the logical tensor (dtype, shape, contents), so that tied or equal weights are known as
      one.
    - `logical` is the tensor's type before it is packed.
    - `layout` says how it is packed: `row_major`, or `mmt4d[N0,K0]`, tiles for `linalg.mmt4d`.
    - `source` and `transforms`, which come together or not at all, make it a derived weight: one that is computed from
      the source's weight `source`, step by step, when the slab is written. The key and the digest of a derived weight
      follow from those of the weights that it is computed from.

    The result's type is what the slab holds: its element type is the storage dtype, its shape the packed one.

    Example:

    ```mlir
    %w = "infer.weight"() {key = "encoder.dense.weight", digest = "sha256:9f86d081…", layout = "mmt4d[16,1]",
                           logical = tensor<768x768xf32>} : () -> tensor<48x768x16x1xf32>
    %d = "infer.weight"() {key = "encoder.dense.weight|permute[1,0]|cast[f16]", digest = "sha256:5feceb66…",
                           source = "encoder.dense.weight", transforms = ["permute[1,0]", "cast[f16]"],
                           layout = "row_major", logical = tensor<768x3072xf16>} : () -> tensor<768x3072xf16>
    ```
    """

    key: ir.StringAttr
    digest: ir.StringAttr
    layout: ir.StringAttr
    logical: ir.TypeAttr
    result: ext.Result[ir.RankedTensorType]

    @staticmethod
    def verify_invariants(op: Any) -> bool:
        """The key is there, the layout is known, and it turns the logical shape into the result's."""
        strings = {"key": ir.StringAttr, "digest": ir.StringAttr, "layout": ir.StringAttr}
        return verify(op, {**strings, "logical": ir.TypeAttr}, _weight_problem, results=1)


class Stage(Infer.Operation, name="stage", traits=[ir.IsIsolatedFromAboveTrait]):
    """A part of the model that runs in one place.

    `stage` is its name, one word, unique in its function; `placement` names where it runs (`cpu0`, `gpu1`, `client` …).
    The tuple `inputs` holds what it reads, the tuple `outputs` what it gives. The region is isolated: its one block has
    an argument for each element of `inputs`, and what it reads beside them are weights of its own.

    Example:

    ```mlir
    %in = builtin.unrealized_conversion_cast %ids : tensor<1x8xi64> to tuple<tensor<1x8xi64>>
    %out = "infer.stage"(%in) ({
    ^bb0(%i: tensor<1x8xi64>):
      %table = "infer.weight"() {key = "wte.weight", …} : () -> tensor<512x64xf32>
      %h = …
      %t = builtin.unrealized_conversion_cast %h : tensor<1x8x64xf32> to tuple<tensor<1x8x64xf32>>
      "infer.yield"(%t) : (tuple<tensor<1x8x64xf32>>) -> ()
    }) {stage = "embeddings", placement = "cpu0"} : (tuple<tensor<1x8xi64>>) -> tuple<tensor<1x8x64xf32>>
    ```
    """

    stage: ir.StringAttr
    placement: ir.StringAttr
    inputs: ext.Operand[ir.TupleType]
    outputs: ext.Result[ir.TupleType]
    body: ext.Region

    @staticmethod
    def verify_region_invariants(op: Any) -> bool:
        """Name and placement are there; the block takes `inputs` and yields `outputs`."""
        return verify(op, {"stage": ir.StringAttr, "placement": ir.StringAttr}, _stage_problem, 1, 1)


class Yield(Infer.Operation, name="yield", traits=[ir.IsTerminatorTrait]):
    """Ends a stage and gives its outputs, one tuple.

    Example:

    ```mlir
    "infer.yield"(%t) : (tuple<tensor<1x8x64xf32>>) -> ()
    ```
    """

    values: ext.Operand[ir.TupleType]

    @staticmethod
    def verify_invariants(op: Any) -> bool:
        """It stands in a stage."""
        return verify(op, {}, _yield_problem, operands=1)


class Transfer(Infer.Operation, name="transfer", traits=[ext.Pure]):
    """Moves a value from the placement `source` to the placement `target`. The value stays what it is.

    Example:

    ```mlir
    %there = "infer.transfer"(%here) {source = "gpu0", target = "gpu1"} : (tensor<1x8x64xf32>) -> tensor<1x8x64xf32>
    ```
    """

    source: ir.StringAttr
    target: ir.StringAttr
    value: ext.Operand[Same]
    result: ext.Result[Same]

    @staticmethod
    def verify_invariants(op: Any) -> bool:
        """Both placements are named and differ."""
        return verify(op, {"source": ir.StringAttr, "target": ir.StringAttr}, _transfer_problem, 1, 1)


def _weight_problem(op: Any) -> str:
    key = text(op, "key")
    if not key:
        return "needs a key that is not empty"
    logical = ir.TypeAttr(op.attributes["logical"]).value
    if not isinstance(logical, ir.RankedTensorType) or not logical.has_static_shape:
        return f"weight {key!r}: logical type must be a tensor of static shape, got {logical}"
    result = op.results[0].type
    if not isinstance(result, ir.RankedTensorType):
        return ""  # IRDL's own verifier says so
    try:
        expected = parse_layout(text(op, "layout")).packed_shape(logical.shape)
    except ValueError as error:
        return f"weight {key!r}: {error}"
    if tuple(result.shape) != expected:
        want = "x".join(map(str, expected))
        return f"weight {key!r}: layout {op.attributes['layout']} of {logical} has shape {want}, the result is {result}"
    if result.element_type != logical.element_type:
        return f"weight {key!r}: the elements of {logical} are {result.element_type} in the slab"
    return _derivation_problem(op, key)


def _derivation_problem(op: Any, key: str) -> str:
    given = [name for name in ("source", "transforms") if name in op.attributes]
    if not given:
        return ""
    if len(given) == 1:
        return f"weight {key!r}: source and transforms come together, there is only {given[0]}"
    if not isinstance(op.attributes["source"], ir.StringAttr) or not isinstance(
        op.attributes["transforms"], ir.ArrayAttr
    ):
        return f"weight {key!r}: source must be a string and transforms an array of strings"
    steps = list(op.attributes["transforms"])
    if not steps or not all(isinstance(step, ir.StringAttr) for step in steps):
        return f"weight {key!r}: transforms must be an array of at least one string"
    try:
        transforms = parse_transforms([step.value for step in steps])
    except ValueError as error:
        return f"weight {key!r}: {error}"
    source = text(op, "source")
    expected = derived_key(source, transforms)
    if key in (expected, derived_key(source, transforms, text(op, "layout"))):
        return ""
    return f"weight {key!r}: a weight derived like this has the key {expected!r}"


def _stage_problem(op: Any) -> str:
    name = text(op, "stage")
    if not name or not name.replace("-", "_").isidentifier():
        return f"needs a name of letters, digits, '_' and '-', got {name!r}"
    if not text(op, "placement"):
        return f"stage {name!r} needs a placement that is not empty"
    blocks = list(op.regions[0].blocks)
    if len(blocks) != 1:
        return f"stage {name!r} must have one block, got {len(blocks)}"
    inputs, outputs = element_types(op.operands[0].type), element_types(op.results[0].type)
    arguments = [argument.type for argument in blocks[0].arguments]
    if inputs is None or outputs is None:
        return f"stage {name!r} takes one tuple and gives one tuple"
    if inputs != arguments:
        return f"stage {name!r}: its block takes ({_list(arguments)}), its inputs are ({_list(inputs)})"
    operations = list(blocks[0].operations)
    if not operations or operations[-1].operation.name != Yield.OPERATION_NAME or not operations[-1].operands:
        return f"stage {name!r} must end with infer.yield"
    last = operations[-1]
    given = last.operands[0].type
    return "" if given == op.results[0].type else f"stage {name!r} yields {given}, its outputs are {op.results[0].type}"


def _yield_problem(op: Any) -> str:
    parent = op.operation.parent
    inside = parent is not None and parent.operation.name == Stage.OPERATION_NAME
    return "" if inside else "must stand in an infer.stage"


def _transfer_problem(op: Any) -> str:
    source, target = text(op, "source"), text(op, "target")
    if not source or not target:
        return "needs a source and a target that are not empty"
    return "" if source != target else f"moves a value from {source!r} to {target!r}, which is where it is"


def _list(types: list[ir.Type]) -> str:
    return ", ".join(map(str, types))
