"""Images whose elements stand apart among zeros, and the convolutions that read them: transposed ones."""

from dataclasses import dataclass
from typing import Any

from torch_mlir import ir

from ...dialects.infer import Weight
from .contractions import is_zero_fill
from .convolution_forms import form_of


@dataclass(frozen=True)
class Spread:
    """A convolution without strides over an image spread with zeros, or put among zeros as it is (steps of 1).

    `image` [N, C, size...] is what was spread: its element i stands at `places` + i * `steps`, for each of the spatial
    dimensions; a place is negative where the first elements were cut off. `kernel` is a weight [(G), F, C, window...];
    None where the program computes it and all steps are 1.
    """

    op: Any
    image: ir.Value
    kernel: Any
    groups: int
    places: tuple[int, ...]
    steps: tuple[int, ...]
    dilations: tuple[int, ...]

    @property
    def window(self) -> tuple[int, ...]:
        """The kernel's extent."""
        return tuple(ir.RankedTensorType(self.op.operation.operands[1].type).shape)[3 if self.groups else 2 :]


def spread(op: Any) -> Spread | None:
    """`op` as a convolution over a spread image; None when it is none, or has no phases though it has steps."""
    operation, form = op.operation, form_of(op)
    if form is None or not _is_float(operation.results[0]) or any(step != 1 for step in form.strides):
        return None
    kind = ir.RankedTensorType(operation.operands[1].type)
    groups = kind.get_dim_size(0) if form.grouped else 0
    found = _image(_ungrouped(operation.operands[0]) if groups else operation.operands[0])
    if found is None or not kind.has_static_shape:
        return None
    each = Spread(op, found[0], _weight(operation.operands[1]), groups, *found[1:], form.dilations)
    apart = [step > 1 for step in each.steps]
    dense = [
        dilation == 1 or size == 1 or not far
        for dilation, size, far in zip(each.dilations, each.window, apart, strict=True)
    ]
    return each if not any(apart) or (each.kernel is not None and all(dense)) else None


def _weight(kernel: ir.Value) -> Any:
    owner = kernel.owner
    if isinstance(owner, ir.Block) or owner.operation.name != Weight.OPERATION_NAME:
        return None
    return owner.opview if owner.opview.layout.value == "row_major" else None


def _is_float(value: ir.Value) -> bool:
    return isinstance(ir.RankedTensorType(value.type).element_type, ir.FloatType)


def _ungrouped(value: ir.Value) -> ir.Value:
    """The image whose channels were cut into groups."""
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.operation.name != "tensor.expand_shape":
        return value
    rank = ir.RankedTensorType(value.type).rank
    cut = [[0], [1, 2], *([axis] for axis in range(3, rank))]
    how = [[int(axis) for axis in group] for group in owner.operation.attributes["reassociation"]]
    return owner.operation.operands[0] if how == cut else value


def _image(value: ir.Value) -> tuple[ir.Value, tuple[int, ...], tuple[int, ...]] | None:
    """What was spread, the places of its first elements, and how far they stand apart."""
    owner = value.owner
    if isinstance(owner, ir.Block):
        return None
    if owner.operation.name == "tensor.extract_slice":
        cut, found = _extent(owner.operation), _image(owner.operation.operands[0])
        fixed = not ir.RankedTensorType(value.type).is_dynamic_dim(0)
        if cut is None or found is None or not fixed or any(step != 1 for step in cut[1]):
            return None
        return found[0], tuple(place - off for place, off in zip(found[1], cut[0], strict=True)), found[2]
    if owner.operation.name != "tensor.insert_slice" or not is_zero_fill(owner.operation.operands[1]):
        return None
    placed, source = _extent(owner.operation), owner.operation.operands[0]
    return (source, *placed) if placed and _has_all_images(owner.operation) else None


def _has_all_images(insertion: Any) -> bool:
    """Whether what is spread has as many images as the zeros that it is put among."""
    if not ir.RankedTensorType(insertion.results[0].type).is_dynamic_dim(0):
        return True
    zeros = insertion.operands[1].owner.operation.operands[1].owner
    sized = not isinstance(zeros, ir.Block) and zeros.operation.name == "tensor.empty"
    return sized and zeros.operation.operands[0] == insertion.operands[2]


def _extent(operation: Any) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Offsets and steps of a slice in the spatial dimensions; it has all images and channels."""
    unknown = ir.ShapedType.get_dynamic_stride_or_offset()
    offsets, steps = ([int(each) for each in operation.attributes[f"static_{name}"]] for name in ("offsets", "strides"))
    if unknown in offsets or unknown in steps or any(offsets[:2]) or steps[:2] != [1, 1]:
        return None
    before, after = (ir.RankedTensorType(value.type) for value in (operation.operands[0], operation.results[0]))
    same = (
        before.rank == after.rank and list(before.shape)[:2] == list(after.shape)[:2] and not before.is_dynamic_dim(1)
    )
    return (tuple(offsets[2:]), tuple(steps[2:])) if same else None
