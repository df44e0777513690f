"""Convolutions: what they look like in linalg, and which of them a product in tiles computes faster."""

from dataclasses import dataclass
from math import prod
from typing import Any

from torch_mlir import ir

from .contractions import STORED, is_zero_fill
from .convolution_forms import form_of

# When tiles pay, as measured layer by layer (docs/concepts/compiler.md). The choice does not depend on the number of
# images: programs of one model for several of them share the kernel.
LARGEST_POINTWISE = 1024  # elements of an output's channel: above, a 1×1 kernel as it lies is faster
FEWEST_FEATURES = 128  # of a dense convolution without strides: each unfolded element is read once for a feature
FEWEST_OF_SMALL = 16  # of one whose unfolded image is small
FEWEST_OF_SLOW = 8  # where IREE's own loops are slow: in one and three dims, and windows of up to 4 elements
LARGEST_UNFOLDED = 16 << 20  # bytes, of one image: above, IREE's own loops are faster where there are no strides
LARGEST_SMALL = 2 << 20  # bytes, of one image
LARGEST_BATCH = 8 << 20  # bytes unfolded at a time: more images are taken one after the other


@dataclass(frozen=True)
class Convolution:
    """A convolution of `groups` groups (0: it has no such dimension) whose sums are f32.

    Its operands are x [N, (G), C, spatial…], kernel [(G), F, C, window…] and what is added to; its result is
    [N, (G), F, output…]. All but the number of images is known. The padding is x's own.
    """

    op: Any
    groups: int
    strides: tuple[int, ...]
    dilations: tuple[int, ...]

    @property
    def x(self) -> ir.Value:
        """The images."""
        return self.op.operation.operands[0]

    @property
    def init(self) -> ir.Value:
        """What the sums are added to."""
        return self.op.operation.operands[2]

    @property
    def images(self) -> int | None:
        """How many there are; None when that is not known."""
        return None if self.x.type.is_dynamic_dim(0) else self.x.type.get_dim_size(0)

    @property
    def kernel(self) -> tuple[int, ...]:
        """[F, C, window…], of one group."""
        return tuple(self.op.operation.operands[1].type.shape)[1 if self.groups else 0 :]

    @property
    def window(self) -> tuple[int, ...]:
        """The kernel's extent."""
        return self.kernel[2:]

    @property
    def output(self) -> tuple[int, ...]:
        """The extent of the result."""
        return tuple(self.op.operation.results[0].type.shape)[3 if self.groups else 2 :]

    @property
    def is_pointwise(self) -> bool:
        """Whether the kernel has one element a channel."""
        return prod(self.window) == 1

    @property
    def starts_from_zero(self) -> bool:
        """Whether nothing is added to the sums."""
        return is_zero_fill(self.init)

    @property
    def unfolded(self) -> int:
        """Bytes of one image with every window written out, in f32."""
        return 4 * max(self.groups, 1) * prod(self.kernel[1:]) * prod(self.output)


def convolution(op: Any) -> Convolution | None:
    """`op` as a convolution; None when it is none whose sizes and types are those that `Convolution` describes."""
    operation, form = op.operation, form_of(op)
    if form is None:
        return None
    kinds = [ir.RankedTensorType(value.type) for value in operation.operands]
    x, kernel, result = kinds
    known = kernel.has_static_shape and not any(
        kind.is_dynamic_dim(axis) for kind in (x, result) for axis in range(1, kind.rank)
    )
    elements = [str(kind.element_type) for kind in kinds]
    typed = elements[0] == elements[1] and elements[0] in STORED and elements[2] == "f32"
    if not known or not typed or 0 in (*kernel.shape, *x.shape, *result.shape):
        return None
    return Convolution(op, kernel.get_dim_size(0) if form.grouped else 0, form.strides, form.dilations)


def convolutions_of(weight: Any) -> list[Convolution]:
    """All uses of the weight when every one is a convolution that tiles make faster, all of one shape; else nothing."""
    if weight.layout.value != "row_major":
        return []
    found = _convolutions(weight.results[0])
    return found if all(map(_pays, found)) and len({(each.groups, each.kernel[0]) for each in found}) == 1 else []


def _pays(each: Convolution) -> bool:
    if each.is_pointwise:
        return bool(each.groups) or prod(each.output) <= LARGEST_POINTWISE
    if each.groups or prod(each.strides) > 1:
        return each.unfolded <= 4 * LARGEST_UNFOLDED
    features, flat = each.kernel[0], len(each.window) == 2
    if not flat or prod(each.window) <= 4:
        return features >= FEWEST_OF_SLOW and each.unfolded <= (1 if flat else 4) * LARGEST_UNFOLDED
    if features >= FEWEST_FEATURES:
        return each.unfolded <= LARGEST_UNFOLDED
    return features >= FEWEST_OF_SMALL and each.unfolded <= LARGEST_SMALL


def _convolutions(kernel: ir.Value) -> list[Convolution]:
    """The convolutions that read `kernel` as such, cut into groups or not; nothing when something else does too."""
    found: list[Convolution] = []
    for use in kernel.uses:
        op = use.owner
        if op.operation.name == "tensor.expand_shape":
            grouped = _convolutions(op.operation.results[0])
            if not grouped or not all(each.groups for each in grouped):
                return []
            found += grouped
            continue
        one = convolution(op)
        if one is None or use.operand_number != 1:
            return []
        found.append(one)
    return found
