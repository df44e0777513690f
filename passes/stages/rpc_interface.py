"""`rpc-interface`: what a caller has to know of the functions, as an `rpc.service`."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir

from ...dialects.rpc import Method, Service
from ..base import Pass, PassError
from ..walk import operations

PREFIX = "rpc."
DIMS = "rpc.dims"  # of an argument or result
PROTOTYPE = "rpc.prototype"


@dataclass(frozen=True)
class RpcInterface(Pass):
    """Declare an `rpc.service` called `service` with a method for every public function.

    An argument or result is named by its attribute `rpc.name`, by its position when it has none; its attribute
    `rpc.dims` says what its dynamic dimensions are called and how large they may be. Whatever else is said with
    `rpc.…` of an argument, of a result or of the function becomes an attribute of the method. The attributes go with
    this pass, and so does a declaration with `rpc.prototype`: a method whose function is in another module.

    Before:

    ```mlir
    func.func @forward(%ids: tensor<?x8xi64> {rpc.name = "ids", rpc.dims = ["batch[1..64]"]}) -> tensor<8xf32> { … }
    ```

    After:

    ```mlir
    "rpc.service"() ({
      "rpc.method"() {sym_name = "forward", function = @forward,
                      inputs = [{name = "ids", type = tensor<?x8xi64>, dims = ["batch[1..64]"]}],
                      outputs = [{name = "output0", type = tensor<8xf32>}]} : () -> ()
    }) {sym_name = "model"} : () -> ()
    func.func @forward(%ids: tensor<?x8xi64>) -> tensor<8xf32> { … }
    ```
    """

    name: ClassVar[str] = "rpc-interface"
    service: str = "model"

    def run(self, module: ir.Operation) -> None:
        """Raises CompileError: there is an interface already, or no public function, or a type that is no tensor."""
        for service in operations(module, Service.OPERATION_NAME):
            raise PassError(service, "there is an rpc.service already")
        for function in operations(module, "func.func"):
            if function.name.value == self.service and not _is_prototype(function):
                raise PassError(
                    function, f"the service cannot be called {self.service!r} as this function", hint="service=NAME"
                )
        functions = [each for each in operations(module, "func.func") if _is_public(each) or _is_prototype(each)]
        prototypes = [each for each in functions if _is_prototype(each)]
        if not functions:
            raise PassError(module, "there is no public function to be called")
        with module.location, ir.InsertionPoint.at_block_begin(module.regions[0].blocks[0]):
            service = Service(sym_name=ir.StringAttr.get(self.service))
            with ir.InsertionPoint(service.methods.blocks.append()):
                for function in functions:
                    with function.location:
                        declare(function, function.name.value)
        for function in prototypes:
            function.erase()


def declare(function: Any, method: str) -> None:
    """Make an `rpc.method` called `method` of a function, where operations are being inserted.

    Raises PassError when it takes or gives what is no tensor.
    """
    name = function.name.value
    sides = {"input": function.type.inputs, "output": function.type.results}
    described: dict[str, ir.ArrayAttr] = {}
    for side, attribute in (("input", "arg_attrs"), ("output", "res_attrs")):
        given = function.operation.attributes.get(attribute)
        extras = list(given) if given is not None else [ir.DictAttr.get({})] * len(sides[side])
        entries = [
            _value(function, f"{side}{position}", kind, extra)
            for position, (kind, extra) in enumerate(zip(sides[side], extras, strict=True))
        ]
        described[side] = ir.ArrayAttr.get(entries)
        if given is not None:
            function.operation.attributes[attribute] = ir.ArrayAttr.get([_without(extra) for extra in extras])
    said = {each.name: each.attr for each in _named(function.operation.attributes) if each.name.startswith(PREFIX)}
    for each in said:
        del function.operation.attributes[each]
    # Not by the class: it takes an array that is empty for one that is missing.
    ir.Operation.create(
        Method.OPERATION_NAME,
        attributes={each.removeprefix(PREFIX): value for each, value in said.items() if each != PROTOTYPE}
        | {
            "sym_name": ir.StringAttr.get(method),
            "function": ir.FlatSymbolRefAttr.get(name),
            "inputs": described["input"],
            "outputs": described["output"],
        },
    )


def _value(function: Any, default: str, kind: ir.Type, extra: Any) -> ir.DictAttr:
    if not isinstance(kind, ir.RankedTensorType):
        raise PassError(function, f"@{function.name.value}: {default} is a {kind}, only tensors can be sent")
    entries: dict[str, ir.Attribute] = {"name": ir.StringAttr.get(default)}
    entries |= {each.name.removeprefix(PREFIX): each.attr for each in _named(extra) if each.name.startswith(PREFIX)}
    return ir.DictAttr.get(entries | {"type": ir.TypeAttr.get(kind)})


def _without(extra: Any) -> ir.DictAttr:
    return ir.DictAttr.get({each.name: each.attr for each in _named(extra) if not each.name.startswith(PREFIX)})


def _named(attributes: Any) -> list[Any]:
    return [attributes[position] for position in range(len(attributes))]


def _is_prototype(function: Any) -> bool:
    return PROTOTYPE in function.operation.attributes


def _is_public(function: Any) -> bool:
    visibility = function.operation.attributes.get("sym_visibility")
    return visibility is None or visibility.value == "public"
