"""Plain values of Python as MLIR attributes and back: texts, numbers, truth values, and lists of them."""

from collections.abc import Sequence
from typing import Any, cast

from torch_mlir import ir

Plain = str | bool | int | float | Sequence["Plain"]

_LARGEST = 1 << 63


def to_attribute(value: Plain) -> ir.Attribute:
    """The attribute that holds a value; lists become array attributes. A context must be entered.

    Raises:
        ValueError: an integer of more than 64 bits, or a value of another type.
    """
    match value:
        case str():
            return ir.StringAttr.get(value)
        case bool():
            return ir.BoolAttr.get(value)
        case int() if -_LARGEST <= value < _LARGEST:
            return ir.IntegerAttr.get(ir.IntegerType.get_signless(64), value)
        case float():
            return ir.FloatAttr.get_f64(value)
        case list() | tuple():
            return ir.ArrayAttr.get([to_attribute(item) for item in cast("Sequence[Plain]", value)])
        case _:
            raise ValueError(f"{value!r} does not fit into an attribute")


def from_attribute(attribute: Any) -> Plain:
    """The value that an attribute holds; array attributes become lists.

    Raises:
        ValueError: it holds something else.
    """
    match attribute:
        case ir.StringAttr():
            return attribute.value
        case ir.BoolAttr():
            return attribute.value
        case ir.IntegerAttr() if attribute.type == ir.IntegerType.get_signless(64, attribute.context):
            return attribute.value
        case ir.FloatAttr() if attribute.type == ir.F64Type.get(attribute.context):
            return attribute.value
        case ir.ArrayAttr():
            return [from_attribute(item) for item in attribute]
        case _:
            raise ValueError(f"{str(attribute)[:80]} is no text, number, truth value or list of them")
