"""Contract 2: what holds for a model that is cut, scheduled and has an interface."""

from typing import Any

from torch_mlir import ir

from ...dialects.infer import Stage, Transfer, Weight
from ...dialects.mem import Prefetch, Require
from ...dialects.rpc import Method
from ..base import PassError
from ..sizes import byte_size
from ..walk import operations
from .dataflow import outer_operands
from .outline_stages import PLACEMENT_ATTRIBUTE, STAGE_ATTRIBUTE


def check(module: ir.Operation) -> None:
    """Raises CompileError naming the operation that breaks the contract.

    Every stage is a private function with a placement, and holds all weights and all computation; between stages there
    are calls and transfers only, and a value goes to another placement by a transfer. In a stage a weight is
    prefetched, then required, then read. Every public function is a method of the interface.
    """
    functions = {each.name.value: each for each in operations(module, "func.func")}
    stages = {name: each for name, each in functions.items() if STAGE_ATTRIBUTE in each.operation.attributes}
    for stage in operations(module, Stage.OPERATION_NAME):
        raise PassError(stage, f"contract 2: stage {stage.stage.value!r} is no function", hint="infer-outline-stages")
    if not stages:
        raise PassError(module, "contract 2: there is no stage", hint="infer-partition, then infer-outline-stages")
    for name, stage in stages.items():
        _check_stage(name, stage)
    methods = {method.function.value for method in operations(module, Method.OPERATION_NAME)}
    for name, function in functions.items():
        if name in stages:
            continue
        if name not in methods:
            raise PassError(function, f"contract 2: @{name} is no stage and no method", hint="rpc-interface")
        _check_wiring(function, stages)
    missing = sorted(methods - set(functions))
    if missing:
        raise PassError(module, f"contract 2: the interface has a method of @{missing[0]}, which does not exist")


def _check_stage(name: str, function: Any) -> None:
    placement = function.operation.attributes.get(PLACEMENT_ATTRIBUTE)
    if placement is None or not placement.value:
        raise PassError(function, f"contract 2: stage @{name} has no placement")
    prefetched: set[str] = set()
    required: set[str] = set()
    weights = operations(function.operation, Weight.OPERATION_NAME)
    keys = {weight.results[0]: weight.key.value for weight in weights if byte_size(weight.results[0].type)}
    for op in function.operation.regions[0].blocks[0].operations:
        if op.operation.name == Prefetch.OPERATION_NAME:
            prefetched.add(op.key.value)
        elif op.operation.name == Require.OPERATION_NAME:
            if op.key.value not in prefetched:
                raise PassError(op, f"contract 2: weight {op.key.value!r} is required before it is prefetched")
            required.add(op.key.value)
        inside = operations(op.operation, Weight.OPERATION_NAME) if op.operation.regions else ()
        for value in (*outer_operands(op), *(weight.results[0] for weight in inside)):
            if value in keys and keys[value] not in required:
                raise PassError(
                    op, f"contract 2: weight {keys[value]!r} is read before it is required", hint="mem-schedule"
                )


def _check_wiring(function: Any, stages: dict[str, Any]) -> None:
    places: dict[Any, str] = {}
    for op in function.operation.regions[0].blocks[0].operations:
        kind = op.operation.name
        if kind == "func.return":
            continue
        if kind == Transfer.OPERATION_NAME:
            if places.get(op.value, op.source.value) != op.source.value:
                raise PassError(op, f"contract 2: the value is on {places[op.value]}, not on {op.source.value}")
            places[op.result] = op.target.value
            continue
        callee = op.callee.value if kind == "func.call" else ""
        if callee not in stages:
            what = f"a call of @{callee}" if callee else kind
            raise PassError(op, f"contract 2: between stages there are calls of stages and transfers, not {what}")
        here = stages[callee].operation.attributes[PLACEMENT_ATTRIBUTE].value
        for operand in op.operands:
            if places.get(operand, here) != here:
                raise PassError(op, f"contract 2: @{callee} on {here} reads a value that is on {places[operand]}")
        places.update(dict.fromkeys(op.operation.results, here))
