"""A program cut into stages: the IR of each of them, and which values go from one to the other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from torch_mlir import ir

from infc.errors import CompileError

from ..dialects.infer import Weight
from ..passes.partitioning import parse_split
from ..passes.partitioning.split import CLIENT
from ..passes.running.runner import make_context
from ..passes.sizes import byte_size
from ..passes.stages.dims import to_attributes
from ..passes.stages.outline_stages import PLACEMENT_ATTRIBUTE, STAGE_ATTRIBUTE
from ..passes.stages.partition import UNUSED_ATTRIBUTE, Partition
from ..passes.walk import operations
from ..runtime.artifact import UNKNOWN, DType, Edge, Method, Ref, Step, TensorSpec, Wiring
from .build import BINDINGS
from .cutting_options import Cutting
from .toolchain.optimizer import optimize
from .toolchain.tools import Tools

_ELEMENTS: dict[str, DType] = {
    "f64": "f64",
    "f32": "f32",
    "f16": "f16",
    "bf16": "bf16",
    "i64": "i64",
    "i32": "i32",
    "i16": "i16",
    "i8": "i8",
    "i1": "bool",
}

# What the cut has to keep: that it can be scheduled and called, with every stage placed.
_CONTRACT = "mem-schedule,rpc-interface,infer-verify-contract{level=2}"


@dataclass(frozen=True)
class Piece:
    """A stage: its name, its placement, a module with one function, named after the method, and the bytes of its
    weights by their keys."""

    name: str
    placement: str
    text: str
    weights: Mapping[str, int]


@dataclass(frozen=True)
class Cut:
    """The stages in their order, the wiring of the method that they are, and modules of rules that are not for it."""

    pieces: tuple[Piece, ...]
    wiring: Wiring
    unused: tuple[str, ...] = ()

    def renamed(self, names: Mapping[str, str]) -> "Cut":
        """The same with other names for the stages."""

        def ref(each: Ref) -> Ref:
            return msgspec.structs.replace(each, stage=names.get(each.stage, each.stage))

        steps = tuple(
            msgspec.structs.replace(step, stage=names[step.stage], inputs=tuple(map(ref, step.inputs)))
            for step in self.wiring.steps
        )
        wiring = msgspec.structs.replace(self.wiring, steps=steps, outputs=tuple(map(ref, self.wiring.outputs)))
        pieces = tuple(replace(piece, name=names[piece.name]) for piece in self.pieces)
        return Cut(pieces, wiring, self.unused)


def cut(
    lowered: str, method: Method, how: Cutting, tools: Tools, *, doubles: bool, label: str = "", several: bool = False
) -> Cut:
    """Cut a lowered program.

    Args:
        lowered: linalg on tensors, with `infer.weight`s.
        method: the entry point that it is.
        how: where to cut.
        tools: runs the passes.
        doubles: whether f64 stays f64: IREE demotes it otherwise.
        label: tells its files apart from those of other methods.
        several: there are other methods, which rules of the split may be for.

    Raises:
        CompileError: it does not fit (which device lacks how many bytes), there is no such module, or a value would
            have to cross that no buffer holds.
    """
    partition = Partition(
        stages=how.stages,
        memory=",".join(how.sizes),
        placements=",".join(how.placements),
        split=how.split,
        link=how.link,
        optional=int(several and bool(how.split)),
    )
    named = _with_dims(lowered, method) if method.dims else lowered
    text, scheduled = optimize(named, [f"{partition},infer-outline-stages,canonicalize", _CONTRACT], tools)
    tools.temps.write(f"scheduled{label}.mlir", scheduled)
    tools.temps.write(f"stages{label}.mlir", text)
    if how.split and any(rule.placement == CLIENT for rule in parse_split(how.split)):
        # What a runtime would find out too late: that an input would leave the application, or a value come back to it.
        (calls,) = optimize(text, ["rpc-insert-calls"], tools)
        tools.temps.write(f"calls{label}.mlir", calls)
    with BINDINGS:
        return _read(text, method, doubles=doubles)


def _with_dims(lowered: str, method: Method) -> str:
    """The program with the names and ranges of its dims at its arguments and results, which an interface has to say."""
    said = {dim.name: f"{dim.name}[{dim.low}..{dim.high}]" for dim in method.dims} | {UNKNOWN: UNKNOWN}

    def attributes(specs: Sequence[TensorSpec]) -> ir.ArrayAttr:
        return to_attributes([[said[size] for size in spec.shape if isinstance(size, str)] for spec in specs])

    with BINDINGS, make_context() as context:
        module = ir.Module.parse(lowered, context)
        main = next(each for each in operations(module.operation, "func.func") if each.name.value == method.name)
        main.operation.attributes["arg_attrs"] = attributes(method.inputs)
        main.operation.attributes["res_attrs"] = attributes(method.outputs)
        return module.operation.get_asm(enable_debug_info=True)


def _read(text: str, method: Method, *, doubles: bool) -> Cut:
    module = ir.Module.parse(text, make_context())
    functions = {function.name.value: function for function in operations(module.operation, "func.func")}
    stages = {name: each for name, each in functions.items() if STAGE_ATTRIBUTE in each.operation.attributes}
    main = functions[method.name]
    arguments = main.operation.regions[0].blocks[0].arguments
    values: dict[Any, Ref] = {value: Ref(stage="", number=number) for number, value in enumerate(arguments)}
    size = _sizes(main, method) if method.dims else _unknown
    steps: list[Step] = []
    outputs: tuple[Ref, ...] = ()
    pieces: list[Piece] = []
    for op in main.operation.regions[0].blocks[0].operations:
        match op.operation.name:
            case "infer.transfer":
                values[op.results[0]] = values[op.operands[0]]
            case "func.return":
                outputs = tuple(values[operand] for operand in op.operands)
            case "func.call" if op.callee.value in stages:
                stage = stages[op.callee.value]
                name = stage.operation.attributes[STAGE_ATTRIBUTE].value
                placement = stage.operation.attributes[PLACEMENT_ATTRIBUTE].value
                pieces.append(Piece(name, placement, _alone(stage, method), _weights(stage)))
                edges = tuple(_edge(result, name, size, doubles=doubles) for result in op.operation.results)
                steps.append(Step(stage=name, inputs=tuple(values[each] for each in op.operands), outputs=edges))
                values.update({each: Ref(stage=name, number=at) for at, each in enumerate(op.operation.results)})
            case kind:
                raise CompileError(
                    f"{kind} is left between the stages",
                    hint="this is a mistake of infc's: please report it, with --save-temps",
                    stage="infer-outline-stages",
                )
    wiring = Wiring(method=method.name, steps=_as_said(steps, outputs, method), outputs=outputs)
    unused = main.operation.attributes
    found = tuple(each.value for each in unused[UNUSED_ATTRIBUTE]) if UNUSED_ATTRIBUTE in unused else ()
    return Cut(tuple(pieces), wiring, found)


def _weights(function: Any) -> dict[str, int]:
    found = operations(function.operation, Weight.OPERATION_NAME)
    return {weight.key.value: byte_size(weight.results[0].type) for weight in found}


def _alone(function: Any, method: Method) -> str:
    """A module with nothing but the function, public, and called like the method."""
    with function.operation.context, function.operation.location:
        alone = ir.Module.create()
        copy = function.operation.clone(ir.InsertionPoint(alone.body))
        for name in (STAGE_ATTRIBUTE, PLACEMENT_ATTRIBUTE, "sym_visibility"):
            del copy.attributes[name]
        copy.attributes["sym_name"] = ir.StringAttr.get(method.name)
        return alone.operation.get_asm(enable_debug_info=True)


def _unknown(value: ir.Value, axis: int) -> str:
    return UNKNOWN


def _sizes(main: Any, method: Method) -> Callable[[ir.Value, int], str]:
    """What the interface calls a size."""
    from ..passes.stages.extents import Extents  # imports sympy

    extents, names = Extents(main), {dim.name for dim in method.dims}

    def size(value: ir.Value, axis: int) -> str:
        found = str(extents.along(value, axis))
        return found if found in names else UNKNOWN

    return size


def _edge(value: ir.Value, stage: str, size: Callable[[ir.Value, int], str], *, doubles: bool) -> Edge:
    kind = value.type
    dtype = _ELEMENTS.get(str(kind.element_type)) if isinstance(kind, ir.RankedTensorType) else None
    if dtype is None or not isinstance(kind, ir.RankedTensorType):
        raise CompileError(
            f"a value of type {kind} would go from stage {stage!r} to another one, which takes tensors of "
            f"{', '.join(_ELEMENTS)}",
            hint="cut elsewhere: another number of stages, or --split by the names of modules",
            stage="infer-partition",
        )
    sizes = [size(value, axis) if kind.is_dynamic_dim(axis) else kind.get_dim_size(axis) for axis in range(kind.rank)]
    return Edge(dtype="f32" if dtype == "f64" and not doubles else dtype, shape=tuple(sizes))


def _as_said(steps: Sequence[Step], outputs: Sequence[Ref], method: Method) -> tuple[Step, ...]:
    """The steps, with the dtypes that the interface gives the outputs: IR does not tell u8 from i8."""
    said: Mapping[tuple[str, int], Edge] = {
        (ref.stage, ref.number): Edge(dtype=spec.dtype, shape=spec.shape)
        for ref, spec in zip(outputs, method.outputs, strict=True)
    }
    return tuple(
        msgspec.structs.replace(
            step, outputs=tuple(said.get((step.stage, at), edge) for at, edge in enumerate(step.outputs))
        )
        for step in steps
    )
