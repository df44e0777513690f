"""The dims that a function's arguments say they have, with their names and ranges: `rpc.dims`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch_mlir import ir

from ...dialects.rpc_method import DIM
from ..base import PassError
from ..sizes import varying
from .rpc_interface import DIMS


@dataclass(frozen=True)
class Range:
    """How large a dim may be, and `text`, which says so: `batch[1..64]`."""

    text: str
    low: int
    high: int


@dataclass(frozen=True)
class Dims:
    """For each argument the names of its dynamic dims, in order, and the range of each name that has one."""

    names: tuple[tuple[str, ...], ...]
    ranges: dict[str, Range]

    @staticmethod
    def of(function: Any) -> "Dims":
        """Those of a func.func; an argument of which nothing is said has names after its place, `arg0_1`.

        Raises PassError: the attribute `rpc.dims` of an argument is no list of names for its dynamic dims.
        """
        said = function.operation.attributes.get("arg_attrs")
        arguments = list(function.operation.regions[0].blocks[0].arguments)
        names: list[tuple[str, ...]] = []
        ranges: dict[str, Range] = {}
        for number, argument in enumerate(arguments):
            axes = varying(argument)
            words = _words(function, said[number][DIMS]) if said is not None and DIMS in said[number] else None
            if words is None:
                names.append(tuple(f"arg{number}_{axis}" for axis in axes))
                continue
            if len(words) != len(axes):
                raise _wrong(
                    function, f"argument {number} has {len(axes)} dynamic dims and {len(words)} names for them"
                )
            names.append(tuple(word.partition("[")[0] for word in words))
            for match in filter(None, map(DIM.fullmatch, words)):
                ranges.setdefault(match[1], Range(match[0], int(match[2]), int(match[3])))
        return Dims(tuple(names), ranges)


def to_attributes(dims: Sequence[Sequence[str]]) -> ir.ArrayAttr:
    """The attributes of a function's arguments or results that say what their dims are, `batch[1..64]`."""
    entries = [{DIMS: ir.ArrayAttr.get([ir.StringAttr.get(each) for each in names])} if names else {} for names in dims]
    return ir.ArrayAttr.get([ir.DictAttr.get(entry) for entry in entries])


def _words(function: Any, attribute: ir.Attribute) -> list[str]:
    if not isinstance(attribute, ir.ArrayAttr):
        raise _wrong(function, f"{DIMS} = {attribute} is no list of dims")
    words = list(attribute)
    texts = [each.value for each in words if isinstance(each, ir.StringAttr)]
    if len(texts) != len(words) or any("[" in text and not DIM.fullmatch(text) for text in texts):
        raise _wrong(function, f"{DIMS} = {attribute} is no list of dims")
    return texts


def _wrong(function: Any, why: str) -> PassError:
    return PassError(
        function, f"@{function.name.value}: {why}", hint='like {rpc.dims = ["batch[1..64]", "seq"]} for tensor<?x?xf32>'
    )
