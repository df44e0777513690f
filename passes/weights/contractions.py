"""Products of matrices with a weight: what they look like."""

from dataclasses import dataclass
from typing import Any

from torch_mlir import ir

from ..elementwise import maps_of, single_op

_PRODUCTS = {2: "linalg.matmul", 3: "linalg.batch_matmul"}  # by the weight's rank
_TRANSPOSES = {2: [1, 0], 3: [0, 2, 1]}
STORED = ("f32", "f16", "bf16")


@dataclass(frozen=True)
class Product:
    """A product whose right side is the weight, transposed by `transposes` (none, or one), and widened by `extensions`
    (none, or one)."""

    matmul: Any
    transposes: tuple[Any, ...] = ()
    extensions: tuple[Any, ...] = ()

    @property
    def between(self) -> tuple[Any, ...]:
        """What lies between the weight and the product, the last first."""
        return (*self.extensions, *self.transposes)


def products_of(weight: Any) -> list[Product]:
    """All uses of the weight when every one is a product in tiles' reach, all of one orientation; else nothing."""
    kind = ir.RankedTensorType(weight.results[0].type)
    if weight.layout.value != "row_major" or kind.rank not in _PRODUCTS or str(kind.element_type) not in STORED:
        return []
    found = _products(weight.results[0], kind.rank)
    return found if found and len({bool(product.transposes) for product in found}) == 1 else []


def is_zero_fill(value: ir.Value) -> bool:
    """Whether `value` is a tensor of zeros."""
    fill = value.owner
    if isinstance(fill, ir.Block) or fill.operation.name != "linalg.fill":
        return False
    constant = fill.operands[0].owner
    if isinstance(constant, ir.Block) or constant.operation.name != "arith.constant":
        return False
    return ir.FloatAttr(constant.attributes["value"]).value == 0.0


def _products(
    value: ir.Value, rank: int, transposes: tuple[Any, ...] = (), extensions: tuple[Any, ...] = ()
) -> list[Product]:
    """The products that read `value`; nothing when something else does too."""
    found: list[Product] = []
    for use in value.uses:
        op = use.owner
        if _is_product(op, value, rank):
            found.append(Product(op, transposes, extensions))
            continue
        further: list[Product] = []
        if not transposes and _is_transpose(op, value, rank):
            further = _products(op.operation.results[0], rank, (op,), extensions)
        elif not extensions and _is_extension(op, value):
            further = _products(op.operation.results[0], rank, transposes, (op,))
        if not further:
            return []
        found += further
    return found


def _is_transpose(op: Any, value: ir.Value, rank: int) -> bool:
    if op.operation.name != "linalg.transpose" or op.operation.operands[0] != value:
        return False
    return list(op.operation.attributes["permutation"]) == _TRANSPOSES[rank]


def _is_extension(op: Any, value: ir.Value) -> bool:
    """Whether `op` makes f32 of every element of `value`."""
    one = single_op(op)
    if one is None or one.operation.name != "arith.extf" or op.operation.operands[0] != value:
        return False
    return str(one.operation.results[0].type) == "f32" and len(set(maps_of(op))) == 1


def _is_product(op: Any, right: ir.Value, rank: int) -> bool:
    if op.operation.name != _PRODUCTS[rank] or op.operands[1] != right or op.operands[0] == right:
        return False
    if "cast" in op.attributes or not _is_plain(op, rank):
        return False
    left, result = ir.RankedTensorType(op.operands[0].type), ir.RankedTensorType(op.results[0].type)
    if left.is_dynamic_dim(rank - 1) or any(left.is_dynamic_dim(axis) for axis in range(rank - 2)):
        return False
    same = left.element_type == ir.RankedTensorType(right.type).element_type
    return same and str(result.element_type) == "f32" and is_zero_fill(op.operands[2])


def _is_plain(op: Any, rank: int) -> bool:
    maps = [str(entry) for entry in op.attributes["indexing_maps"]] if "indexing_maps" in op.attributes else []
    plain = {2: ("(d0, d2)", "(d2, d1)", "(d0, d1)"), 3: ("(d0, d1, d3)", "(d0, d3, d2)", "(d0, d1, d2)")}
    return not maps or all(f"-> {want}" in have for want, have in zip(plain[rank], maps, strict=True))
