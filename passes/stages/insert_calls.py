"""`rpc-insert-calls`: what runs in the pool becomes a call."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import func

from ...dialects.infer import Transfer
from ...dialects.rpc import Call, Service
from ..base import Pass, PassError
from ..partitioning.split import CLIENT
from ..walk import operations
from .outline_stages import PLACEMENT_ATTRIBUTE
from .remote_dims import name_dims, refuse_sizes
from .rpc_interface import declare
from .staging import callee_of, copy_op, pack, unpack


@dataclass(frozen=True)
class InsertCalls(Pass):
    """Cut every function between the application and a pool: stages of the placement `client` stay, all others go into
    a function of their own, and what stays calls that through an `rpc.service`.

    What crosses are the values that stages of the application computed. An argument that the pool would read is an
    error: what the application is given stays there. So is a value whose size is none of the caller's dims (`rpc.dims`
    of the arguments), or a number that sizes something in the pool, which checks what it is sent by the names of dims.

    Before:

    ```mlir
    func.func @forward(%ids: tensor<1x8xi64>) -> tensor<1x4xf32> {
      %a = call @forward_stage0(%ids)
      %there = "infer.transfer"(%a) {source = "client", target = "pool"}
      %b = call @forward_stage1(%there)
      return %b : tensor<1x4xf32>
    }
    ```

    After:

    ```mlir
    "rpc.service"() ({
      "rpc.method"() {sym_name = "forward", function = @forward_remote,
                      inputs = [{name = "input0", type = …}], outputs = [{name = "output0", type = …}]} : () -> ()
    }) {sym_name = "pool"} : () -> ()
    func.func @forward_remote(%there: tensor<1x8x4xf32>) -> tensor<1x4xf32> {
      %b = call @forward_stage1(%there)
      return %b : tensor<1x4xf32>
    }
    func.func @forward(%ids: tensor<1x8xi64>) -> tensor<1x4xf32> {
      %a = call @forward_stage0(%ids)
      %arguments = builtin.unrealized_conversion_cast %a to tuple<tensor<1x8x4xf32>>
      %results = "rpc.call"(%arguments) {method = @pool::@forward}
      %b = builtin.unrealized_conversion_cast %results to tensor<1x4xf32>
      return %b : tensor<1x4xf32>
    }
    ```
    """

    name: ClassVar[str] = "rpc-insert-calls"
    ends_contract: ClassVar[int] = 2
    service: str = "pool"

    def run(self, module: ir.Operation) -> None:
        """Raises CompileError: an argument would leave the application, a value of the pool's is read in it, or there
        is nothing to cut."""
        functions = {each.name.value: each for each in operations(module, "func.func")}
        placements = {
            name: each.operation.attributes[PLACEMENT_ATTRIBUTE].value
            for name, each in functions.items()
            if PLACEMENT_ATTRIBUTE in each.operation.attributes
        }
        if not {CLIENT} < set(placements.values()):
            raise PassError(
                module,
                f"nothing to cut: the stages' placements are {', '.join(sorted(set(placements.values()))) or 'none'}",
                hint="infer-partition{split=FIRST.MODULE:client;*:pool}, then infer-outline-stages",
            )
        if self.service in functions:
            raise PassError(module, f"the service cannot be called {self.service!r} as a function", hint="service=NAME")
        whole = [each for name, each in functions.items() if name not in placements]
        with module.location, ir.InsertionPoint.at_block_begin(module.regions[0].blocks[0]):
            service = Service(sym_name=ir.StringAttr.get(self.service))
            methods = service.methods.blocks.append()
        for function in whole:
            with function.location:
                self._cut(function, placements, methods)

    def _cut(self, function: Any, placements: dict[str, str], methods: ir.Block) -> None:
        name = function.name.value
        _forget_transfers(function)
        *body, end = list(function.regions[0].blocks[0].operations)
        remote = [op for op in body if not _stays(op, placements)]
        if not remote:
            raise PassError(function, f"@{name}: the pool computes nothing of it")
        given = {result for op in remote for result in op.operation.results}
        for op in body:
            if op not in remote and any(value in given for value in op.operation.operands):
                raise PassError(
                    op,
                    f"@{name}: the application reads what the pool computes, and nothing goes there twice",
                    hint="the client's modules must be the first ones",
                )
        crossing = _crossing(name, remote, given)
        outputs = list(dict.fromkeys(value for value in end.operation.operands if value in given))
        outlined = _outline(function, f"{name}_remote", remote, crossing, outputs)
        refuse_sizes(remote, crossing)
        name_dims(function, outlined, crossing, outputs)
        with ir.InsertionPoint(methods):
            declare(outlined, name)
        with ir.InsertionPoint(end):
            call = Call(
                method=ir.SymbolRefAttr.get([self.service, name]),
                arguments=pack(crossing),
                results_=ir.TupleType.get_tuple([value.type for value in outputs]),
            )
            fresh = dict(zip(outputs, unpack(call.operation.results[0]), strict=True))
        for position, value in enumerate(end.operation.operands):
            end.operation.operands[position] = fresh.get(value, value)
        for op in reversed(remote):
            op.operation.erase()


def _forget_transfers(function: Any) -> None:
    """What takes a value from the application to the pool is the call itself."""
    for transfer in operations(function.operation, Transfer.OPERATION_NAME):
        if CLIENT in (transfer.source.value, transfer.target.value):
            transfer.result.replace_all_uses_with(transfer.value)
            transfer.operation.erase()


def _stays(op: Any, placements: dict[str, str]) -> bool:
    """Whether the application runs it: its own stages, and nothing that has to do with another placement."""
    if op.operation.name == "func.call":
        return placements.get(op.callee.value, CLIENT) == CLIENT
    return op.operation.name != Transfer.OPERATION_NAME


def _crossing(name: str, remote: Sequence[Any], given: Collection[Any]) -> list[Any]:
    """The application's values that the pool reads, each once."""
    found: dict[Any, None] = {}
    for op in remote:
        for value in op.operation.operands:
            if value in given:
                continue
            if isinstance(value.owner, ir.Block):
                raise _stays_here(name, op, value)
            found[value] = None
    return list(found)


def _stays_here(name: str, op: Any, argument: ir.Value) -> PassError:
    number = ir.BlockArgument(argument).arg_number
    if op.operation.name == "func.call":
        inside = callee_of(op).operation.regions[0].blocks[0].arguments[list(op.operands).index(argument)]
        if {use.owner.operation.name for use in inside.uses} == {"tensor.dim"}:
            return PassError(
                op,
                f"@{name}: the pool needs a size of argument {number}, and nothing that is sent has it",
                hint="cut before or after the modules that join or take apart its dims, or compile for fixed sizes",
            )
    return PassError(
        op,
        f"@{name}: argument {number} is read in the pool, but what the application is given stays there",
        hint="place the modules that read it on the client as well",
    )


def _outline(function: Any, name: str, remote: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:
    kinds = [value.type for value in inputs], [value.type for value in outputs]
    outlined = func.FuncOp(name, kinds, ip=ir.InsertionPoint(function))
    entry = outlined.add_entry_block()
    mapping: dict[Any, ir.Value] = dict(zip(inputs, entry.arguments, strict=True))
    with ir.InsertionPoint(entry):
        for op in remote:
            copy_op(op, ir.InsertionPoint.current, mapping)
        func.ReturnOp([mapping[value] for value in outputs])
    return outlined
