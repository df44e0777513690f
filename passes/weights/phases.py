"""A convolution over an image spread with zeros, as one over the image itself: of one kernel for each phase."""

from collections.abc import Sequence
from math import prod

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, tensor

from ...dialects.transforms import Phases
from ..elementwise import Size, collapsed, elementwise, reshaped, sizes_of
from .contractions import is_zero_fill
from .derive import derive
from .spread_images import Spread


def in_phases(each: Spread) -> None:
    """Replace the convolution `each`.

    Along a dimension of step s, the output element s * j + a - crop is the sum over b of the image's element
    j + b - before times part b of phase a; `crop` makes the phases begin together. That is sub-pixel convolution (Shi
    et al., "Is the deconvolution layer the same as a convolutional layer?", 2016).
    """
    op = each.op.operation
    result, init = op.results[0], op.operands[2]
    kind = ir.RankedTensorType(result.type)
    lead = kind.rank - len(each.steps)
    with each.kernel.location, ir.InsertionPoint(each.kernel):
        kernel = derive(each.kernel, Phases(each.steps)).results[0]
    with op.location, ir.InsertionPoint(op):
        *front, features = sizes_of(init, range(lead))
        output = sizes_of(init, range(lead, kind.rank))
        crops = [-(place + 1) % step for place, step in zip(each.places, each.steps, strict=True)]
        counts = [_count(*side) for side in zip(output, crops, each.steps, strict=True)]
        image = _reached(each, ir.RankedTensorType(kernel.type).shape[lead:], crops, counts)
        all_features = kind.get_dim_size(lead - 1) * prod(each.steps)
        zero = arith.constant(kind.element_type, 0.0)
        zeros = linalg.fill(zero, outs=[tensor.empty([*front, all_features, *counts], kind.element_type)])
        convolution = op.clone(ir.InsertionPoint(op)).operation
        for place, value in enumerate((image, kernel, zeros)):
            convolution.operands[place] = value
        convolution.results[0].set_type(zeros.type)
        whole = _woven(convolution.results[0], [*front, features], each.steps, counts)
        sums = _cropped(whole, crops, [*front, features, *output])
        if not is_zero_fill(init):
            axes = range(kind.rank)
            sums = elementwise([(sums, axes), (init, axes)], sizes_of(init, axes), kind.element_type, arith.addf)
    result.replace_all_uses_with(sums)
    op.erase()


def over_padding(each: Spread) -> None:
    """Have the convolution `each`, whose image has steps of 1, read it padded.

    Of what a convolution gives, put among zeros for another one, the pinned IREE makes wrong numbers.
    """
    op = each.op.operation
    rank, spatial = ir.RankedTensorType(op.operands[2].type).rank, len(each.steps)
    with op.location, ir.InsertionPoint(op):
        output = sizes_of(op.operands[2], range(rank - spatial, rank))
        op.operands[0] = _reached(each, each.window, [0] * spatial, output)


def _count(output: Size, crop: int, step: int) -> Size:
    """How many elements a phase has."""
    if isinstance(output, int):
        return (output - 1 + crop) // step + 1
    index = ir.IndexType.get()
    return arith.divui(arith.addi(output, arith.constant(index, crop - 1 + step)), arith.constant(index, step))


def _reached(each: Spread, parts: Sequence[int], crops: Sequence[int], counts: Sequence[Size]) -> ir.Value:
    """What the phases read of the image, from the first element on, with zeros where it has none; in groups."""
    spatial = len(parts)
    before = [(place + crop) // step for place, crop, step in zip(each.places, crops, each.steps, strict=True)]
    sizes = sizes_of(each.image, range(2, 2 + spatial))
    reach = [(part - 1) * dilation for part, dilation in zip(parts, each.dilations, strict=True)]
    behind = [_missing(*side) for side in zip(counts, reach, before, sizes, strict=True)]
    image = _padded(_without(each.image, before, behind), before, behind)
    if not each.groups:
        return image
    images, *sizes = sizes_of(image, [0, *range(2, 2 + spatial)])
    shape = [images, each.groups, ir.RankedTensorType(image.type).get_dim_size(1) // each.groups, *sizes]
    return reshaped(image, shape, [[0], [1, 2], *([axis] for axis in range(3, 3 + spatial))])


def _missing(count: Size, reach: int, before: int, size: Size) -> Size:
    """How many elements are read behind the image's last; less than none where some of it are not read."""
    if isinstance(count, int) and isinstance(size, int):
        return count + reach - before - size
    index = ir.IndexType.get()
    count, size = (arith.constant(index, each) if isinstance(each, int) else each for each in (count, size))
    return arith.maxsi(
        arith.subi(arith.addi(count, arith.constant(index, reach - before)), size), arith.constant(index, 0)
    )


def _without(image: ir.Value, before: Sequence[int], behind: Sequence[Size]) -> ir.Value:
    """The image without what nothing reads at its ends."""
    low = [max(-each, 0) for each in before]
    high = [max(-each, 0) if isinstance(each, int) else 0 for each in behind]
    if not any((*low, *high)):
        return image
    index = ir.IndexType.get()
    front, sizes = sizes_of(image, range(2)), sizes_of(image, range(2, 2 + len(low)))
    rest = [
        size - off - end if isinstance(size, int) else arith.subi(size, arith.constant(index, off + end))
        for size, off, end in zip(sizes, low, high, strict=True)
    ]
    return _slice(image, [0, 0, *low], [*front, *rest])


def _padded(image: ir.Value, before: Sequence[int], behind: Sequence[Size]) -> ir.Value:
    low = [0, 0, *(max(each, 0) for each in before)]
    high = [0, 0, *(max(each, 0) if isinstance(each, int) else each for each in behind)]
    if not any(isinstance(each, ir.Value) or each for each in (*low, *high)):
        return image
    kind, dynamic = ir.RankedTensorType(image.type), ir.ShapedType.get_dynamic_size()
    known = [each if isinstance(each, int) else dynamic for each in high]
    shape = [
        dynamic if dynamic in (size, end) else off + size + end
        for off, size, end in zip(low, kind.shape, known, strict=True)
    ]
    result = ir.RankedTensorType.get(shape, kind.element_type)
    zero = arith.constant(kind.element_type, 0.0)
    pad = tensor.PadOp(result, image, [], [each for each in high if not isinstance(each, int)], low, known)
    index = ir.IndexType.get()
    block = pad.regions[0].blocks.append(*[index] * kind.rank)
    with ir.InsertionPoint(block):
        tensor.YieldOp(zero)
    return pad.results[0]


def _woven(sums: ir.Value, front: Sequence[Size], steps: Sequence[int], counts: Sequence[Size]) -> ir.Value:
    """[..., F, s * count...] of `sums` [..., F * phases, count...]."""
    lead, spatial = len(front), range(len(steps))
    before = [[axis] for axis in range(lead - 1)]
    joined = list(range(lead - 1, lead + len(steps)))
    places = [[lead + len(steps) + axis] for axis in spatial]
    apart = reshaped(sums, [*front, *steps, *counts], [*before, joined, *places])
    pairs = [(lead + len(steps) + axis, lead + axis) for axis in spatial]
    order = [*range(lead), *(axis for pair in pairs for axis in pair)]
    sizes = [*front, *(size for pair in zip(counts, steps, strict=True) for size in pair)]
    beside = linalg.transpose(
        apart, outs=[tensor.empty(sizes, ir.RankedTensorType(sums.type).element_type)], permutation=order
    )
    whole = [[axis] for axis in range(lead)] + [[lead + 2 * axis, lead + 2 * axis + 1] for axis in spatial]
    return collapsed(beside.results[0], whole)


def _cropped(value: ir.Value, crops: Sequence[int], sizes: Sequence[Size]) -> ir.Value:
    kind = ir.RankedTensorType(value.type)
    lead = kind.rank - len(crops)
    if not any(crops) and list(kind.shape)[lead:] == list(sizes[lead:]):
        return value
    return _slice(value, [*[0] * lead, *crops], sizes)


def _slice(value: ir.Value, offsets: Sequence[int], sizes: Sequence[Size]) -> ir.Value:
    kind, dynamic = ir.RankedTensorType(value.type), ir.ShapedType.get_dynamic_size()
    known = [each if isinstance(each, int) else dynamic for each in sizes]
    result = ir.RankedTensorType.get(known, kind.element_type)
    unknown = [each for each in sizes if not isinstance(each, int)]
    return tensor.extract_slice(result, value, [], unknown, [], list(offsets), known, [1] * kind.rank)
