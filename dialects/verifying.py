"""What the verifiers of infc's operations share."""

from collections.abc import Callable, Iterator
from typing import Any

from torch_mlir import ir


def verify(
    op: Any, attributes: dict[str, type], find_problem: Callable[[Any], str], operands: int = 0, results: int = 0
) -> bool:
    """Run `find_problem` over `op` and emit what it finds, at the operation's location.

    It is not run while an attribute of `attributes` is missing or of another kind, or operands or results are not as
    many: what IRDL's own verifier, which runs next, says about that is clearer.
    """
    if (len(op.operands), len(op.results)) != (operands, results):
        return True
    if not all(isinstance(op.attributes.get(name), kind) for name, kind in attributes.items()):
        return True
    problem = find_problem(op)
    if problem:
        op.location.emit_error(f"'{op.operation.name}' op {problem}")
    return not problem


def text(op: Any, name: str) -> str:
    """The string attribute `name`."""
    return ir.StringAttr(op.attributes[name]).value


def integer(op: Any, name: str) -> int:
    """The integer attribute `name`."""
    return ir.IntegerAttr(op.attributes[name]).value


def element_types(kind: ir.Type) -> list[ir.Type] | None:
    """The types in a tuple type; None when `kind` is no tuple."""
    if not isinstance(kind, ir.TupleType):
        return None
    return [kind.get_type(i) for i in range(kind.num_types)]


def in_module(op: Any) -> bool:
    """Whether a module stands around `op`; not so while it is being built."""
    return any(True for _ in _top_level(op))


def declared(op: Any, kind: str, name: str) -> list[Any]:
    """The operations `kind` of the nearest module around `op` that declare the symbol `name`; all for no name."""
    found = [each for each in _top_level(op) if each.operation.name == kind]
    return [each for each in found if not name or symbol(each) == name]


def symbol(op: Any) -> str:
    """The name that `op` declares; empty when it declares none."""
    name = op.attributes.get("sym_name", None)
    return name.value if isinstance(name, ir.StringAttr) else ""


def _top_level(op: Any) -> Iterator[Any]:
    # The nearest module, not the outermost: while text is parsed, another one stands around what was written.
    current = op.operation
    while current is not None and current.name != "builtin.module":
        current = current.parent.operation if current.parent is not None else None
    if current is not None:
        yield from current.regions[0].blocks[0].operations
