"""`infer-own-destinations`: a tensor that is written in place is nobody else's."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, tensor

from ..base import Pass
from ..walk import operations

# What only looks at a tensor in another shape.
_VIEWS = {"tensor.expand_shape", "tensor.collapse_shape", "tensor.cast"}
# What gives a part of a tensor, or the tensor in another shape; the backend reads through all of them.
PARTS = {*_VIEWS, "tensor.extract_slice"}
_DIALECTS = {"arith", "linalg", "math", "tensor", "tm_tensor"}


@dataclass(frozen=True)
class OwnDestinations(Pass):
    """Copy what an operation writes into, where IREE would let a reader see what was written.

    The pinned IREE does so in two cases, without an error. A tensor that is computed from no input (an index sequence,
    a causal mask) it computes anew for a reader beside a writer, instead of copying it, and then finds that the two are
    the same and makes them one (iree-org/iree#23665): two sorts of one size share their indices in that way. And a
    tensor of which a part is overwritten by what is computed from another part is read and written in one step, or the
    result of that step is put into it at once.

    The copy depends on a value of its own, which the backend cannot look into, so that it equals no other; the backend
    computes it in one step with what it copies. The context must allow unregistered dialects. A tensor that is filled
    with one value is safe.

    Before:

    ```mlir
    %s:2 = tm_tensor.sort dimension(0) outs(%x, %iota : tensor<64xf32>, tensor<64xi64>) {…}
    ```

    After:

    ```mlir
    %own = "util.optimization_barrier"(%true) : (i1) -> i1
    %mine = linalg.generic … ins(%iota) {  // select(%own, in, 0)
    %s:2 = tm_tensor.sort dimension(0) outs(%x, %mine : tensor<64xf32>, tensor<64xi64>) {…}
    ```
    """

    name: ClassVar[str] = "infer-own-destinations"

    def run(self, module: ir.Operation) -> None:
        """Every destination whose contents are kept in part, of a destination-passing operation or a loop."""
        memo: dict[ir.Value, bool] = {}
        for op in operations(module):
            for place in _destinations(op.operation):
                value = op.operation.operands[place]
                if not _is_tensor(value) or _filled(value):
                    continue
                if _also_read(op.operation, place) or not _from_input(value, memo):
                    with op.operation.location, ir.InsertionPoint(op):
                        op.operation.operands[place] = copy_tensor(value)


def _destinations(op: ir.Operation) -> Iterator[int]:
    """The operands that `op` writes into and whose contents it reads."""
    count = len(op.operands)
    if op.name in ("tensor.insert_slice", "tensor.insert"):
        yield 1
    elif op.name == "scf.while":
        yield from range(count)
    elif op.name.startswith("tm_tensor.") or op.name == "scf.for":
        yield from range(count - len(op.results), count)
    elif op.name.startswith("linalg.") and op.regions and op.results:
        arguments = op.regions[0].blocks[0].arguments
        inits = len(op.results)
        for place, argument in zip(range(count - inits, count), list(arguments)[-inits:], strict=True):
            if any(True for _ in argument.uses):
                yield place


def _is_tensor(value: ir.Value) -> bool:
    return isinstance(value.type, ir.RankedTensorType)


def _filled(value: ir.Value) -> bool:
    """Whether the tensor holds one value throughout, or nothing yet."""
    while not isinstance(value.owner, ir.Block) and value.owner.operation.name in _VIEWS:
        value = value.owner.operation.operands[0]
    if isinstance(value.owner, ir.Block):
        return False
    op = value.owner.operation
    if op.name == "arith.constant":
        literal = op.attributes["value"]
        return isinstance(literal, ir.DenseElementsAttr) and literal.is_splat
    return op.name in ("tensor.empty", "linalg.fill")


def _also_read(op: ir.Operation, place: int) -> bool:
    """Whether another operand is, or is computed from, a part of the tensor that is the one at `place`."""
    whole = op.operands[place]
    while not isinstance(whole.owner, ir.Block) and whole.owner.operation.name in PARTS:
        whole = whole.owner.operation.operands[0]
    pending = [operand for at, operand in enumerate(op.operands) if at != place and _is_tensor(operand)]
    seen = set(pending)
    while pending:
        value = pending.pop()
        if value == whole:
            return True
        if isinstance(value.owner, ir.Block):
            continue
        fresh = [each for each in _read_by(value.owner.operation) if each not in seen]
        seen.update(fresh)
        pending.extend(fresh)
    return False


def _read_by(op: ir.Operation) -> list[ir.Value]:
    """The tensors that `op` takes, and those that its body reads without taking them."""
    inside = [each.operands[0] for each in operations(op, "tensor.extract")] if op.regions else []
    return [operand for operand in (*op.operands, *inside) if _is_tensor(operand)]


def _from_input(value: ir.Value, memo: dict[ir.Value, bool]) -> bool:
    """Whether any tensor that an input, a weight or an operation unknown here gives goes into `value`."""
    pending = [value]
    while pending:
        top = pending[-1]
        if top in memo:
            pending.pop()
            continue
        if isinstance(top.owner, ir.Block) or top.owner.operation.name.partition(".")[0] not in _DIALECTS:
            memo[top] = True
            continue
        sources = _read_by(top.owner.operation)
        unknown = [source for source in sources if source not in memo]
        if unknown:
            pending.extend(unknown)
            continue
        memo[top] = any(memo[source] for source in sources)
    return memo[value]


def copy_tensor(value: ir.Value) -> ir.Value:
    """A copy of a tensor that the backend takes for no other's, at the current insertion point."""
    kind: Any = value.type
    own = ir.Operation.create(
        "util.optimization_barrier",
        results=[ir.IntegerType.get_signless(1)],
        operands=[arith.constant(ir.IntegerType.get_signless(1), 1)],
    ).result
    sizes = [
        tensor.dim(value, arith.constant(ir.IndexType.get(), axis)) if kind.is_dynamic_dim(axis) else extent
        for axis, extent in enumerate(kind.shape)
    ]
    zero = arith.constant(kind.element_type, 0.0 if isinstance(kind.element_type, ir.FloatType) else 0)
    identity = ir.AffineMapAttr.get(ir.AffineMap.get_identity(kind.rank))
    parallel = ir.Attribute.parse("#linalg.iterator_type<parallel>")
    copy = linalg.GenericOp(
        [kind],
        [value],
        [tensor.empty(sizes, kind.element_type)],
        indexing_maps=ir.ArrayAttr.get([identity] * 2),
        iterator_types=ir.ArrayAttr.get([parallel] * kind.rank),
    )
    body = copy.regions[0].blocks.append(*[kind.element_type] * 2)
    with ir.InsertionPoint(body):
        linalg.YieldOp([arith.select(own, body.arguments[0], zero)])
    return copy.results[0]
