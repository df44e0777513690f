"""`infer-outline-stages`: every stage becomes a function of its own."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import func

from ...dialects.infer import Stage
from ..base import Pass, PassError
from ..walk import operations
from .staging import CAST, copy_op, pack, unpack

STAGE_ATTRIBUTE = "infer.stage"
PLACEMENT_ATTRIBUTE = "infer.placement"


@dataclass(frozen=True)
class OutlineStages(Pass):
    """Move the region of every `infer.stage` into a private function, and call that instead.

    The function is named after the one around the stage and the stage, and carries the stage's name and placement as
    attributes. What is left of the function around it says how values go from stage to stage: calls and transfers.

    Before:

    ```mlir
    func.func @forward(%x: tensor<4xf32>) -> tensor<4xf32> {
      %in = builtin.unrealized_conversion_cast %x to tuple<tensor<4xf32>>
      %out = "infer.stage"(%in) ({ … }) {stage = "stage0", placement = "cpu0"}
      %y = builtin.unrealized_conversion_cast %out to tensor<4xf32>
      return %y : tensor<4xf32>
    ```

    After:

    ```mlir
    func.func private @forward_stage0(%x: tensor<4xf32>) -> tensor<4xf32>
        attributes {infer.stage = "stage0", infer.placement = "cpu0"} { … }
    func.func @forward(%x: tensor<4xf32>) -> tensor<4xf32> {
      %y = call @forward_stage0(%x) : (tensor<4xf32>) -> tensor<4xf32>
      return %y : tensor<4xf32>
    ```
    """

    name: ClassVar[str] = "infer-outline-stages"

    def run(self, module: ir.Operation) -> None:
        """Raises CompileError when two stages of one function have one name, or a function has a stage's."""
        taken = {function.name.value for function in operations(module, "func.func")}
        for function in operations(module, "func.func"):
            for stage in operations(function.operation, Stage.OPERATION_NAME):
                name = f"{function.name.value}_{stage.stage.value}"
                if name in taken:
                    raise PassError(
                        stage, f"stage {stage.stage.value!r} of @{function.name.value}: there is a function @{name}"
                    )
                taken.add(name)
                with stage.location:
                    _outline(function, stage, name)


def _outline(function: Any, stage: Any, name: str) -> None:
    block = stage.body.blocks[0]
    *body, end = list(block.operations)
    inputs = [argument.type for argument in block.arguments]
    outputs = _types(stage.outputs.type)
    outlined = func.FuncOp(name, (inputs, outputs), visibility="private", ip=ir.InsertionPoint(function))
    outlined.operation.attributes[STAGE_ATTRIBUTE] = stage.stage
    outlined.operation.attributes[PLACEMENT_ATTRIBUTE] = stage.placement
    entry = outlined.add_entry_block()
    mapping: dict[Any, ir.Value] = dict(zip(block.arguments, entry.arguments, strict=True))
    with ir.InsertionPoint(entry):
        for op in body:
            copy_op(op, ir.InsertionPoint.current, mapping)
        func.ReturnOp(_elements(mapping[end.operation.operands[0]]))
    with ir.InsertionPoint(stage):
        call = func.CallOp(outputs, ir.FlatSymbolRefAttr.get(name), _elements(stage.inputs))
        _replace(stage, list(call.operation.results))
    given = stage.inputs.owner
    stage.operation.erase()
    for op in (_cast_behind(entry), given):
        if op is not None and op.operation.name == CAST and not any(True for _ in op.operation.results[0].uses):
            op.operation.erase()


def _cast_behind(entry: Any) -> Any:
    """The packing that stood before the stage's end."""
    operations_ = list(entry.operations)
    return operations_[-2] if len(operations_) > 1 else None


def _replace(stage: Any, results: list[ir.Value]) -> None:
    """Hand `results` to whoever took the stage's tuple apart; pack them for whoever reads it whole."""
    for use in list(stage.outputs.uses):
        user = use.owner.operation
        if user.name == CAST and [each.type for each in user.results] == [each.type for each in results]:
            for before, after in zip(user.results, results, strict=True):
                before.replace_all_uses_with(after)
            user.erase()
    if any(True for _ in stage.outputs.uses):
        stage.outputs.replace_all_uses_with(pack(results))


def _elements(packed: ir.Value) -> list[ir.Value]:
    """The values in a tuple: those that it was packed from, where that is known."""
    owner = packed.owner
    if not isinstance(owner, ir.Block) and owner.operation.name == CAST and len(owner.operation.results) == 1:
        operands = list(owner.operation.operands)
        if [each.type for each in operands] == _types(packed.type):
            return operands
    return unpack(packed)


def _types(kind: ir.Type) -> list[ir.Type]:
    kind = ir.TupleType(kind)
    return [kind.get_type(position) for position in range(kind.num_types)]
