"""The operations that are convolutions: MLIR's own, and the loops that torch-mlir writes for groups in three dims."""

import re
from dataclasses import dataclass
from typing import Any

from torch_mlir import ir

from ..elementwise import maps_of

# Of several groups: images, groups and channels of a group stand in front; of the kernel groups and features.
GROUPED = ("linalg.conv_2d_ngchw_gfchw",)

_NAMED = (*GROUPED, "linalg.conv_1d_ncw_fcw", "linalg.conv_2d_nchw_fchw", "linalg.conv_3d_ncdhw_fcdhw")
_PLACE = re.compile(r"d(\d+)(?: \* (\d+))? \+ d(\d+)(?: \* (\d+))?")
_SUMS = (["mulf", "addf"], ["extf", "extf", "mulf", "addf"])


@dataclass(frozen=True)
class Form:
    """How a convolution of x [N, (G), C, spatial...] with a kernel [(G), F, C, window...] goes over x."""

    grouped: bool
    strides: tuple[int, ...]
    dilations: tuple[int, ...]


def form_of(op: Any) -> Form | None:
    """The form of the convolution that `op` is; None when it is none."""
    operation = op.operation
    if operation.name == "linalg.generic":
        return _loops(operation)
    if operation.name not in _NAMED:
        return None
    grouped = operation.name in GROUPED
    spatial = ir.RankedTensorType(operation.operands[0].type).rank - (3 if grouped else 2)
    return Form(grouped, _numbers(operation, "strides", spatial), _numbers(operation, "dilations", spatial))


def _numbers(operation: Any, name: str, spatial: int) -> tuple[int, ...]:
    if name not in operation.attributes:
        return (1,) * spatial
    return tuple(int(each) for each in ir.DenseIntElementsAttr(operation.attributes[name]))


def _loops(operation: Any) -> Form | None:
    """A grouped convolution written out: loops over N, G, F, output..., C, window..."""
    if len(operation.operands) != 3 or len(operation.results) != 1 or not _multiplies_and_adds(operation):
        return None
    rank = ir.RankedTensorType(operation.results[0].type).rank
    spatial = rank - 3
    read, kernel, written = (each.partition(" -> ")[2][1:-1].split(", ") for each in maps_of(operation.opview))
    loops = [f"d{number}" for number in range(rank + 1 + max(spatial, 0))]
    outputs, windows = loops[3:rank], loops[rank + 1 :]
    straight = written == loops[:rank] and kernel == ["d1", "d2", loops[rank], *windows]
    kinds = ["parallel" in str(each) for each in operation.attributes["iterator_types"]]
    if spatial < 1 or not straight or kinds != [True] * rank + [False] * (spatial + 1):
        return None
    places = [_PLACE.fullmatch(each) for each in read[3:]]
    if read[:3] != ["d0", "d1", loops[rank]] or len(places) != spatial or not all(places):
        return None
    found = [(f"d{match[1]}", f"d{match[3]}", int(match[2] or 1), int(match[4] or 1)) for match in places if match]
    if [each[:2] for each in found] != list(zip(outputs, windows, strict=True)):
        return None
    return Form(True, tuple(each[2] for each in found), tuple(each[3] for each in found))


def _multiplies_and_adds(operation: Any) -> bool:
    """Whether its body is `out + x * kernel`, both widened or neither."""
    block = operation.regions[0].blocks[0]
    *body, end = list(block.operations)
    if [op.operation.name.removeprefix("arith.") for op in body] not in _SUMS:
        return False
    *widened, product, total = (op.operation for op in body)
    x, kernel, out = block.arguments
    factors = [op.results[0] for op in widened] or [x, kernel]
    return (
        [op.operands[0] for op in widened] in ([], [x, kernel])
        and list(product.operands) == factors
        and list(total.operands) in ([product.results[0], out], [out, product.results[0]])
        and list(end.operation.operands) == [total.results[0]]
    )
