"""What the verifier of `rpc.method` says about its attributes."""

import re
from typing import Any

from torch_mlir import ir

from .plain import Plain, from_attribute

DIM = re.compile(r"([A-Za-z_]\w*)\[(\d+)\.\.(\d+)\]")
UNKNOWN = "?"
LARGEST_NUMBER = (1 << 29) - 1
SET_ASIDE = range(19000, 20000)  # protobuf's own numbers

_LISTS = ("takes", "returns", "dims", "buckets", "reserved_inputs", "reserved_outputs")


def described_problem(op: Any) -> str:
    """What is wrong with the inputs, outputs and other attributes of an `rpc.method`; empty when nothing is."""
    for side in ("inputs", "outputs"):
        names: list[str] = []
        numbers: list[Plain | None] = []
        for position, entry in enumerate(op.attributes[side]):
            problem = _value_problem(entry, names, side) or _extras_problem(entry, names[-1], numbers)
            if problem:
                return f"{side}[{position}] {problem}"
        for number in _reserved(op, f"reserved_{side}"):
            if number in numbers:
                return f"reserved_{side} has the number {number}, which a field of {side} has"
    for name in _LISTS:
        if problem := _list_problem(op, name):
            return f"{name} {problem}"
    if "doc" in op.attributes and not isinstance(op.attributes["doc"], ir.StringAttr):
        return "doc must be a text"
    return ""


def _value_problem(entry: ir.Attribute, names: list[str], side: str) -> str:
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
        written = dim.value if isinstance(dim, ir.StringAttr) else ""
        match = DIM.fullmatch(written)
        if not (match and int(match[2]) <= int(match[3])) and (side, written) != ("outputs", UNKNOWN):
            return f"({name!r}): a dynamic dimension is written like batch[1..64], got {dim}"
    return ""


def _extras_problem(entry: Any, name: str, numbers: list[Plain | None]) -> str:
    for key in ("low", "high", "number"):
        if key in entry and type(_plain(entry[key])) is not int:
            return f"({name!r}): {key} must be an integer, got {entry[key]}"
    if "number" not in entry:
        return ""
    number = _plain(entry["number"])
    if number in numbers:
        return f"({name!r}) has the number {number}, as another one"
    if not _is_number(number):
        spared = f"without {SET_ASIDE.start} to {SET_ASIDE.stop - 1}"
        return f"({name!r}) has the number {number}; a protobuf field has one from 1 to {LARGEST_NUMBER}, {spared}"
    numbers.append(number)
    return ""


def _list_problem(op: Any, name: str) -> str:
    if name not in op.attributes:
        return ""
    value = _plain(op.attributes[name])
    if not isinstance(value, list):
        return f"must be a list of texts, numbers and lists, got {op.attributes[name]}"
    if name.startswith("reserved_") and not all(_is_reserved(item) for item in value):
        return f'holds a number and a name each, as [3, "mask"], got {op.attributes[name]}'
    if name == "dims" and not all(isinstance(item, str) and DIM.fullmatch(item) for item in value):
        return f"are written like batch[1..64], got {op.attributes[name]}"
    return ""


def _reserved(op: Any, name: str) -> list[Plain]:
    value = _plain(op.attributes[name]) if name in op.attributes else []
    return [item[0] for item in value if isinstance(item, list) and item] if isinstance(value, list) else []


def _is_reserved(item: Plain) -> bool:
    return isinstance(item, list) and len(item) == 2 and _is_number(item[0]) and isinstance(item[1], str)


def _is_number(value: Plain | None) -> bool:
    return type(value) is int and 0 < value <= LARGEST_NUMBER and value not in SET_ASIDE


def _plain(attribute: ir.Attribute) -> Plain | None:
    try:
        return from_attribute(attribute)
    except ValueError:
        return None
