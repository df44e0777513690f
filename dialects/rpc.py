"""The `rpc` dialect: the interface under which a model is called."""

import re
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import ext

from .verifying import declared, element_types, in_module, symbol, text, verify

# The bindings make Operand and Result classes without saying that they are generic.
# pyright: reportInvalidTypeForm=false

_DIM = re.compile(r"([A-Za-z_]\w*)\[(\d+)\.\.(\d+)\]")


class Rpc(ext.Dialect, name="rpc"):
    """The interface under which a model is called: what codegen reads, and nothing else of the program."""


class Service(Rpc.Operation, name="service", traits=[ir.NoTerminatorTrait]):
    """A named group of methods, of which a pool serves one for each model.

    Example:

    ```mlir
    "rpc.service"() ({
      "rpc.method"() {sym_name = "forward", function = @forward, inputs = […], outputs = […]} : () -> ()
    }) {sym_name = "encoder"} : () -> ()
    ```
    """

    sym_name: ir.StringAttr
    methods: ext.Region

    @staticmethod
    def verify_region_invariants(op: Any) -> bool:
        """It is named, and holds methods of different names."""
        return verify(op, {"sym_name": ir.StringAttr}, _service_problem)


class Method(Rpc.Operation, name="method"):
    """One method: its name and its typed arguments and results.

    `function` is the function that computes it. `inputs` and `outputs` are arrays of dictionaries with a `name` and a
    tensor `type`; a type with dynamic dimensions comes with `dims`, one text for each of them in order: `batch[1..64]`
    for a name and its smallest and largest size.

    Example:

    ```mlir
    "rpc.method"() {
      sym_name = "forward", function = @forward,
      inputs = [{name = "ids", type = tensor<?x128xi64>, dims = ["batch[1..64]"]}],
      outputs = [{name = "output", type = tensor<?x384xf32>, dims = ["batch[1..64]"]}]
    } : () -> ()
    ```
    """

    sym_name: ir.StringAttr
    function: ir.FlatSymbolRefAttr
    inputs: ir.ArrayAttr
    outputs: ir.ArrayAttr

    @staticmethod
    def verify_invariants(op: Any) -> bool:
        """It stands in a service; every argument and result is named once and typed."""
        kinds = {"sym_name": ir.StringAttr, "inputs": ir.ArrayAttr, "outputs": ir.ArrayAttr}
        return verify(op, kinds, _method_problem)


class Call(Rpc.Operation, name="call"):
    """Calls a method of a service, in another process or on another host.

    The tuples `arguments` and `results` hold the method's inputs and outputs in its order.

    Example:

    ```mlir
    %out = "rpc.call"(%in) {method = @encoder::@forward} : (tuple<tensor<1x128xi64>>) -> tuple<tensor<1x384xf32>>
    ```
    """

    method: ir.SymbolRefAttr
    arguments: ext.Operand[ir.TupleType]
    results_: ext.Result[ir.TupleType]

    @staticmethod
    def verify_invariants(op: Any) -> bool:
        """The method exists and has these types."""
        return verify(op, {"method": ir.Attribute}, _call_problem, 1, 1)


def _service_problem(op: Any) -> str:
    name = text(op, "sym_name")
    if not name:
        return "needs a name that is not empty"
    members = [each for block in op.regions[0].blocks for each in block.operations]
    for member in members:
        if member.operation.name != Method.OPERATION_NAME:
            return f"service {name!r} holds methods only, not {member.operation.name}"
    names = [symbol(member) for member in members if symbol(member)]
    twice = sorted({each for each in names if names.count(each) > 1})
    return f"service {name!r} has two methods {twice[0]!r}" if twice else ""


def _method_problem(op: Any) -> str:
    name = text(op, "sym_name")
    if not name:
        return "needs a name that is not empty"
    parent = op.operation.parent
    if parent is not None and parent.operation.name != Service.OPERATION_NAME:
        return f"method {name!r} must stand in an rpc.service, not in {parent.operation.name}"
    for side in ("inputs", "outputs"):
        names: list[str] = []
        for position, entry in enumerate(op.attributes[side]):
            problem = _value_problem(entry, names)
            if problem:
                return f"method {name!r}: {side}[{position}] {problem}"
    return ""


def _value_problem(entry: ir.Attribute, names: list[str]) -> str:
    if not isinstance(entry, ir.DictAttr) or "name" not in entry or "type" not in entry:
        return "must be a dictionary with a name and a type"
    if not isinstance(entry["name"], ir.StringAttr) or not entry["name"].value:
        return "needs a name that is not empty"
    name = entry["name"].value
    if name in names:
        return f"is named {name!r}, as another one"
    names.append(name)
    kind: Any = entry["type"].value if isinstance(entry["type"], ir.TypeAttr) else None
    if not isinstance(kind, ir.RankedTensorType):
        return f"({name!r}) needs a tensor's type"
    dynamic = sum(kind.is_dynamic_dim(axis) for axis in range(kind.rank))
    dims = list(entry["dims"]) if "dims" in entry and isinstance(entry["dims"], ir.ArrayAttr) else []
    if len(dims) != dynamic:
        return f"({name!r}) of type {kind} needs dims for its {dynamic} dynamic dimensions, got {len(dims)}"
    for dim in dims:
        match = _DIM.fullmatch(dim.value) if isinstance(dim, ir.StringAttr) else None
        if match is None or int(match[2]) > int(match[3]):
            return f"({name!r}): a dynamic dimension is written like batch[1..64], got {dim}"
    return ""


def _call_problem(op: Any) -> str:
    reference = op.attributes["method"]
    path = reference.value if isinstance(reference, ir.SymbolRefAttr) else []
    if len(path) != 2:
        return f"names its method as @service::@method, got {op.attributes['method']}"
    arguments, results = element_types(op.operands[0].type), element_types(op.results[0].type)
    if arguments is None or results is None:
        return "takes one tuple and gives one tuple"
    if not in_module(op):
        return ""
    methods = [
        method
        for service in declared(op, Service.OPERATION_NAME, path[0])
        for block in service.regions[0].blocks
        for method in block.operations
        if symbol(method) == path[1]
    ]
    if not methods:
        return f"calls {op.attributes['method']}, which does not exist"
    for side, given in (("inputs", arguments), ("outputs", results)):
        wanted = _types(methods[0], side)
        if wanted != given:
            listed = ", ".join(map(str, wanted))
            return f"{side} of {op.attributes['method']} are ({listed}), got ({', '.join(map(str, given))})"
    return ""


def _types(method: Any, side: str) -> list[ir.Type]:
    # A method that is malformed says so itself.
    entries = method.attributes.get(side, ())
    return [entry["type"].value for entry in entries if isinstance(entry, ir.DictAttr) and "type" in entry]
