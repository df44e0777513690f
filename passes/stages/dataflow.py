"""A function's body as the graph that `infc.passes.partitioning` cuts."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from torch_mlir import ir

from ...dialects.infer import Weight
from ..modules import module_of
from ..partitioning import Graph, Node, Value
from ..sizes import byte_size, shape_of, varying
from ..walk import operations
from ..weights.rows import reads_rows
from .cost import op_flops

if TYPE_CHECKING:
    from .extents import Extents

# What a stage makes for itself instead of getting it from another one, where its operands are such as well.
_FREE = {
    Weight.OPERATION_NAME,
    "arith.constant",
    "tensor.empty",
    "linalg.fill",
    "linalg.transpose",
    "linalg.broadcast",
    "tensor.expand_shape",
    "tensor.collapse_shape",
    "tensor.extract_slice",
    "tensor.cast",
    "tensor.from_elements",
}


@dataclass(frozen=True)
class Body:
    """The operations of a function's block, each with what it reads.

    `nodes` are those that a stage computes once, in the graph's order; `free` those that every stage repeats that
    needs them. Of a tensor that has no elements yet the sizes may be computed: they are `behind` it.
    """

    block: Any
    nodes: tuple[Any, ...]
    free: tuple[Any, ...]
    graph: Graph
    behind: dict[Any, tuple[Any, ...]] = field(default_factory=dict[Any, tuple[Any, ...]])
    extents: "Extents | None" = None

    def reads(self, op: Any) -> list[Any]:
        """The values from outside of `op` that it reads, and those behind them; each once."""
        return _reads(op, self.behind)

    def is_dim(self, op: Any) -> bool:
        """Whether an operation asks for a size that every stage knows from what it reads."""
        return self.extents is not None and self.extents.is_dim(op)

    def needed(self, reads: Iterable[Any]) -> list[Any]:
        """Those of `free` whose results are read, by others of them too; in their order."""
        wanted = set(reads)
        needed: list[Any] = []
        for op in reversed(self.free):
            if any(result in wanted for result in op.operation.results):
                needed.append(op)
                wanted.update(() if self.is_dim(op) else outer_operands(op))
        return needed[::-1]

    def in_order(self, free: Sequence[Any], members: Sequence[Any]) -> list[Any]:
        """Some of `free` and of `nodes`, each before what reads it: first what has nothing behind it."""
        first = [op for op in free if op.operation.results[0] not in self.behind]
        rest = {op.operation for op in (*free, *members)} - {op.operation for op in first}
        return [*first, *(op for op in self.block.operations if op.operation in rest)]


def read_body(function: Any) -> Body:
    """The body of the func.func `function`, which has one block."""
    block = function.regions[0].blocks[0]
    *operations_, end = list(block.operations)
    returned = set(end.operation.operands)  # what leaves the function leaves a stage
    nodes: list[Any] = []
    repeated: list[Any] = []
    keys: dict[Any, frozenset[str]] = {}  # the weights behind a value that costs nothing
    behind: dict[Any, tuple[Any, ...]] = {}
    sizes: dict[str, int] = {}
    extents = _extents(function)
    for op in operations_:
        is_dim = extents is not None and extents.is_dim(op)
        operands = [] if is_dim else outer_operands(op)
        leaves = any(result in returned for result in op.operation.results)
        computed = [operand for operand in operands if operand not in keys]
        varies = op.operation.name == "tensor.empty"  # it reads sizes: a few bytes, where it may be many
        free = is_dim or op.operation.name in _FREE or _copies(op) or (extents is not None and _computes_numbers(op))
        if leaves or not free or (computed and not varies):
            nodes.append(op)
            sizes.update(_own_weight(op))
            continue
        repeated.append(op)
        found = (*computed, *(each for operand in operands for each in behind.get(operand, ())))
        if found:
            behind[op.operation.results[0]] = tuple(dict.fromkeys(found))
        read = frozenset[str]().union(*(keys.get(operand, frozenset()) for operand in operands))
        sizes.update(_own_weight(op))
        read |= set(_own_weight(op))
        keys.update(dict.fromkeys(op.operation.results, read))
    graph = _graph(
        nodes, block, keys, sizes, behind, extents.largest if extents else lambda value: shape_of(value.type)
    )
    return Body(block, tuple(nodes), tuple(repeated), graph, behind, extents)


def _extents(function: Any) -> "Extents | None":
    """What is known of sizes that vary; None where none do."""
    if not any(varying(argument) for argument in function.arguments):
        return None
    from .extents import Extents  # imports sympy

    return Extents(function)


def _computes_numbers(op: Any) -> bool:
    """Whether it makes a number of numbers; where those are sizes and constants, it is a size too."""
    whole = all(isinstance(result.type, ir.IndexType | ir.IntegerType) for result in op.operation.results)
    return whole and op.operation.name.startswith(("arith.", "affine.apply"))


def _copies(op: Any) -> bool:
    """Whether it only writes elements to other places."""
    if op.operation.name != "linalg.generic":
        return False
    body = op.operation.regions[0].blocks[0]
    return len(body.operations) == 1 and isinstance(body.operations[0].operation.operands[0].owner, ir.Block)


def _own_weight(op: Any) -> dict[str, int]:
    """The key and the size of a weight; nothing for any other operation."""
    return {op.key.value: byte_size(op.results[0].type)} if op.operation.name == Weight.OPERATION_NAME else {}


def outer_operands(op: Any) -> list[ir.Value]:
    """The values from outside of `op` that it reads, in its regions too; each once."""
    found: dict[Any, None] = dict.fromkeys(op.operation.operands)
    inside = operations(op.operation) if op.operation.regions else ()
    for nested in inside:
        for operand in nested.operation.operands:
            if not _within(operand, op.operation):
                found.setdefault(operand)
    return list(found)


def _within(value: ir.Value, op: Any) -> bool:
    owner = value.owner
    current = owner.owner.operation if isinstance(owner, ir.Block) else owner.operation
    if current == op:
        return isinstance(owner, ir.Block)
    while current is not None and current != op:
        current = current.parent.operation if current.parent is not None else None
    return current is not None


def _reads(op: Any, behind: dict[Any, tuple[Any, ...]]) -> list[Any]:
    operands = outer_operands(op)
    return list(dict.fromkeys([*operands, *(each for operand in operands for each in behind.get(operand, ()))]))


def _graph(
    nodes: list[Any],
    block: Any,
    keys: dict[Any, frozenset[str]],
    sizes: dict[str, int],
    behind: dict[Any, tuple[Any, ...]],
    shape: Callable[[Any], Sequence[int]],
) -> Graph:
    users: dict[Any, list[int]] = {}
    described: list[Node] = []
    for position, op in enumerate(nodes):
        operands = _reads(op, behind)
        read = frozenset(_own_weight(op)).union(*(keys.get(operand, frozenset()) for operand in operands))
        weights = tuple(sorted(read))
        described.append(
            Node(op.operation.name, op_flops(op, shape), weights, module_of(op.location), _by_rows(op) if read else ())
        )
        for operand in operands:
            if operand not in keys:
                users.setdefault(operand, []).append(position)

    def value(producer: int, each: Any) -> Value:
        return Value(producer, byte_size(each.type, shape(each)), tuple(users.get(each, ())))

    values = [value(-1, each) for each in block.arguments]
    for position, op in enumerate(nodes):
        values += [value(position, each) for each in op.operation.results]
    return Graph(tuple(described), (*values, *_effects(nodes)), sizes)


def _by_rows(op: Any) -> tuple[str, ...]:
    """The keys of the weights of which `op` reads a few rows only."""
    found: dict[str, bool] = {}
    for nested in operations(op.operation):
        for number, value in enumerate(nested.operation.operands):
            if not isinstance(value.owner, ir.Block) and value.owner.operation.name == Weight.OPERATION_NAME:
                key = value.owner.opview.key.value
                found[key] = found.get(key, True) and reads_rows(nested, number)
    return tuple(key for key, rows in found.items() if rows)


def _effects(nodes: list[Any]) -> Iterable[Value]:
    """What has effects and no result keeps its place among its like: a value of no bytes leads from one to the next."""
    positions = [position for position, op in enumerate(nodes) if not op.operation.results]
    return (Value(first, 0, (second,)) for first, second in pairwise(positions))
