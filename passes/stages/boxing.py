"""Scalars as tensors of no dims: what goes from stage to stage are tensors."""

from torch_mlir import ir


def boxed_type(kind: ir.Type) -> ir.Type:
    """What a value of type `kind` crosses as: a scalar as a tensor of no dims, an index as i64, others as they are."""
    if isinstance(kind, ir.IndexType):
        kind = ir.IntegerType.get_signless(64)
    return ir.RankedTensorType.get([], kind) if isinstance(kind, ir.IntegerType | ir.FloatType) else kind


def box(value: ir.Value) -> ir.Value:
    """The value as it crosses."""
    kind = boxed_type(value.type)
    if kind == value.type or not isinstance(kind, ir.RankedTensorType):
        return value
    return _make("tensor.from_elements", kind, _cast(value, kind.element_type))


def unbox(boxed: ir.Value, kind: ir.Type) -> ir.Value:
    """What `box` was given, of type `kind`."""
    if boxed.type == kind or not isinstance(boxed.type, ir.RankedTensorType):
        return boxed
    return _cast(_make("tensor.extract", boxed.type.element_type, boxed), kind)


def _cast(value: ir.Value, kind: ir.Type) -> ir.Value:
    return value if value.type == kind else _make("arith.index_cast", kind, value)


def _make(name: str, kind: ir.Type, operand: ir.Value) -> ir.Value:
    return ir.Operation.create(name, results=[kind], operands=[operand]).results[0]
