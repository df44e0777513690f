"""In which module of the model an operation is: a part of its location, which passes keep."""

import re

from torch_mlir import ir

_NAMED = re.compile(r'"module ([^"]*)"\(')


def in_module(path: str, place: ir.Location) -> ir.Location:
    """The location `place` in the module `path`, `encoder.layer.0`; empty for the model itself."""
    return ir.Location.name(f"module {path}", childLoc=place, context=place.context)


def module_of(place: ir.Location) -> str | None:
    """The module that a location says; of several that were joined, the first. None where it says none."""
    found = _NAMED.search(str(place))
    return found[1] if found else None
