"""`infer-join-products`: products of one input, with weights of their own, become one product."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import linalg, tensor

from ...dialects.infer import Weight
from ...dialects.layout import Mmt4d, parse_layout
from ...dialects.transforms import Concat
from ..base import Pass
from ..walk import operations
from .contractions import is_zero_fill
from .derive import derive, is_named_by_layout, recipe

_MARKS = ",[]|"  # in a key: the text of a transform could not be read back


@dataclass(frozen=True)
class JoinProducts(Pass):
    """Multiply one input with the weights of several products at once: queries, keys and values, say.

    Each product of a few rows is over in microseconds, and starting it costs some; a longer one also divides better
    among threads. Taken are products in tiles whose input is one row of tiles, so that the parts of the result lie one
    behind the other, and whose weights fill their tiles and are read by nothing else. Weights that are called after
    their layouts stay, since other programs read them alone. Runs after `infer-pack-weights` and `cse`, which finds
    that the inputs are one. Every sum is that of before.

    Before:

    ```mlir
    %q = linalg.mmt4d ins(%x, %wq : tensor<1x64x1x1xf32>, tensor<4x64x16x1xf32>) outs(%zero : tensor<1x4x1x16xf32>)
    %k = linalg.mmt4d ins(%x, %wk : tensor<1x64x1x1xf32>, tensor<2x64x16x1xf32>) outs(%zero : tensor<1x2x1x16xf32>)
    ```

    After:

    ```mlir
    %w = "infer.weight"() {key = "q|concat[0,96,k]", layout = "mmt4d[16,1]", …} : () -> tensor<6x64x16x1xf32>
    %y = linalg.mmt4d ins(%x, %w : …) outs(%zero : tensor<1x6x1x16xf32>)
    %q = tensor.extract_slice %y[0, 0, 0, 0] [1, 4, 1, 16] [1, 1, 1, 1]
    %k = tensor.extract_slice %y[0, 4, 0, 0] [1, 2, 1, 16] [1, 1, 1, 1]
    ```
    """

    name: ClassVar[str] = "infer-join-products"

    def run(self, module: ir.Operation) -> None:
        """Leaves what it does not know alone."""
        for products in _groups(module):
            _join(products)


def _groups(module: ir.Operation) -> Iterator[list[Any]]:
    """Products that can be one, in their order."""
    found: dict[tuple[Any, ...], list[Any]] = {}
    for op in operations(module, "linalg.mmt4d"):
        x, weight = op.operands[0], op.operands[1].owner
        if not _fits(op, weight):
            continue
        k = _rows_and_columns(weight.opview)[1]
        found.setdefault((x, op.operation.block, weight.opview.layout.value, k), []).append(op)
    for group in found.values():
        sources = {op.operands[1].owner.opview.key.value for op in group}
        if len(sources) > 1:
            yield group


def _fits(op: Any, weight: Any) -> bool:
    if isinstance(weight, ir.Block) or weight.operation.name != Weight.OPERATION_NAME:
        return False
    rows = ir.RankedTensorType(op.operands[0].type)
    alone = len(list(weight.operation.results[0].uses)) == 1 and not recipe(weight.opview)[1]
    if any(mark in weight.opview.key.value for mark in _MARKS):
        return False
    if not alone or is_named_by_layout(weight.opview) or not is_zero_fill(op.operands[2]):
        return False
    layout = parse_layout(weight.opview.layout.value)
    whole = isinstance(layout, Mmt4d) and _rows_and_columns(weight.opview)[0] % layout.n0 == 0
    return whole and not rows.is_dynamic_dim(0) and rows.get_dim_size(0) == 1


def _rows_and_columns(weight: Any) -> tuple[int, int]:
    """N and K of a weight in tiles."""
    n, k = ir.RankedTensorType(weight.logical.value).shape
    layout = parse_layout(weight.layout.value)
    return (k, n) if isinstance(layout, Mmt4d) and layout.transposed else (n, k)


def _join(products: Sequence[Any]) -> None:
    first = products[0]
    weights = [op.operands[1].owner.opview for op in products]
    layout = weights[0].layout.value
    axis = 1 if layout.endswith("t]") else 0
    rows = sum(_rows_and_columns(each)[0] for each in weights)
    concat = Concat(axis, rows, tuple(each.key.value for each in weights[1:]))
    digests = {each.key.value: each.digest.value for each in weights[1:]}
    kinds = [ir.RankedTensorType(op.results[0].type) for op in products]
    _, _, m0, n0 = kinds[0].shape
    with first.location, ir.InsertionPoint(first):
        joined = derive(weights[0], concat, layout=layout, digests=digests)
        empty = tensor.empty([1, rows // n0, m0, n0], kinds[0].element_type)
        zero = first.operands[2].owner.operands[0]
        sums = linalg.mmt4d(first.operands[0], joined.results[0], outs=[linalg.fill(zero, outs=[empty])])
        offset = 0
        for op, kind in zip(products, kinds, strict=True):
            part = tensor.extract_slice(kind, sums, [], [], [], [0, offset, 0, 0], list(kind.shape), [1, 1, 1, 1])
            offset += kind.shape[1]
            op.results[0].replace_all_uses_with(part)
    for op, weight in zip(products, weights, strict=True):
        op.operation.erase()
        weight.operation.erase()
