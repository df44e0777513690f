"""The `rpc` dialect: the interface under which a model is called."""

from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import ext

from .rpc_method import described_problem
from .verifying import declared, element_types, in_module, symbol, text, verify

# The bindings make Operand and Result classes without saying that they are generic.
# pyright: reportInvalidTypeForm=false


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
    for a name and its smallest and largest size, `?` for a result's size that is known only after the call.

    What else may be said, all of it optional: in an input's dictionary `low` and `high`, the bounds of its integers; in
    both sides' `number`, the field's number in a protobuf message. Of the method, `takes` and `returns`, how a caller
    gives and gets the tensors, as trees in lists (docs/reference/interface.md); `dims`, all dims in their order; `doc`,
    a text about it; `buckets`, the sizes that it was compiled for, `["batch=8", …]` each; `reserved_inputs` and
    `reserved_outputs`, the numbers and names of fields that there were in an earlier version, `[3, "mask"]` each.

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
        """It stands in a service; every argument and result is named once and typed, and has a number of its own."""
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
    problem = described_problem(op)
    return f"method {name!r}: {problem}" if problem else ""


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
