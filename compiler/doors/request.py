"""What the command line says about a source, beside its name."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING

from infc.errors import UsageError

from ...runtime.artifact import Dim
from ..dynamic.request import Axes

if TYPE_CHECKING:
    import torch

_INPUT = re.compile(r"(?P<name>[^=\s]+)=(?P<dims>(?:\d+x)*)(?P<dtype>[a-z]+\d*)", re.ASCII)
LARGEST = 1 << 28  # elements of one example input: far above any model's, far below what fills the memory


@dataclass(frozen=True)
class Shape:
    """The dims and the dtype that an example input is to have."""

    dims: tuple[int, ...]
    dtype: "torch.dtype"


@dataclass(frozen=True)
class Request:
    """`task` names the head of a Hugging Face model, `factory` builds the module of a checkpoint, `methods` are the
    entry points: of a factory's module, or each of a file, which `files` names for all but the source's own. `inputs`
    are the shapes of example inputs by name, `axes` the dims that are to vary. Empty where a door has a default of its
    own.
    """

    task: str = ""
    factory: str = ""
    methods: tuple[str, ...] = ()
    inputs: Mapping[str, Shape] = field(default_factory=dict[str, Shape])
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    axes: Axes = field(default_factory=dict[str, dict[int, Dim]])


def parse_inputs(texts: Iterable[str]) -> dict[str, Shape]:
    """The inputs that `texts` describe, each `NAME=DIMSxDTYPE`: `ids=1x64xi64`, `scale=f32`.

    Raises:
        UsageError: one has another form, an unknown dtype, no or too many elements, or a name that is there already.
    """
    given = list(texts)
    if not given:
        return {}
    from ..frontend.dtypes import TORCH_DTYPES  # of torch, which takes a second to import

    dtypes = {name: dtype for dtype, name in TORCH_DTYPES.items()}
    found: dict[str, Shape] = {}
    for text in given:
        match = _INPUT.fullmatch(text)
        if match is None:
            raise UsageError(f"--input {text!r} is no NAME=SHAPE", hint="dims, then a dtype: --input ids=1x64xi64")
        name, dtype = match["name"], match["dtype"]
        if dtype not in dtypes:
            raise UsageError(f"--input {text!r}: there is no dtype {dtype!r}", hint=f"dtypes: {', '.join(dtypes)}")
        dims = tuple(int(dim[:18]) for dim in match["dims"].split("x")[:-1])
        if not 0 < prod(dims) <= LARGEST:
            raise UsageError(f"--input {text!r} has no elements, or more than {LARGEST}", hint="--input ids=1x128xi64")
        if name in found:
            raise UsageError(f"--input names {name!r} twice", hint="say each input once")
        found[name] = Shape(dims, dtypes[dtype])
    return found
