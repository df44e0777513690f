"""Depthwise convolutions in forms that torch-mlir lowers, and transposed ones whose padding it gets right."""

from collections.abc import Sequence

import torch

aten = torch.ops.aten


def is_depthwise(x: torch.Tensor, weight: torch.Tensor, groups: int) -> bool:
    """Whether each channel of `x` makes one of the result, by itself; the kernel is [groups, 1, window...]."""
    return groups > 1 and tuple(weight.shape[:2]) == (groups, 1) and x.shape[1] == groups


def in_two_dims(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, stride: Sequence[int], dilation: Sequence[int]
) -> torch.Tensor:
    """A depthwise convolution of `x` [N, C, D, H, W], which has its padding, as a sum of some in two dims.

    There is one for each plane of the kernel, over the planes of `x` that it meets. torch-mlir lowers none in three.
    """
    planes = (x.shape[2] - (weight.shape[2] - 1) * dilation[0] - 1) // stride[0] + 1
    stacked = x.transpose(1, 2)
    total: torch.Tensor | None = None
    for place in range(weight.shape[2]):
        first = place * dilation[0]
        met = stacked[:, first : first + (planes - 1) * stride[0] + 1 : stride[0]].flatten(0, 1)
        own = bias if total is None else None
        kernel = weight[:, :, place]
        one = aten.convolution.default(
            met, kernel, own, list(stride[1:]), [0, 0], list(dilation[1:]), False, [0, 0], len(kernel)
        )
        total = one if total is None else total + one
    assert total is not None  # a kernel has planes
    return total.unflatten(0, (x.shape[0], planes)).transpose(1, 2)


def transposed_convolution(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: list[int] | None = None,
    padding: list[int] | None = None,
    output_padding: list[int] | None = None,
    groups: int = 1,
    dilation: list[int] | None = None,
) -> torch.Tensor:
    """A transposed convolution of a batch whose padding is less than the kernel's reach, with several channels a group.

    Of more padding torch-mlir cuts off the wrong places of `x`: it is cut off the result here. It lowers none of one
    channel a group: these become convolutions of `x` with zeros between its elements.
    """
    dims = weight.dim() - 2
    if x.dim() == weight.dim() - 1:
        batch = x.unsqueeze(0)
        return transposed_convolution(batch, weight, bias, stride, padding, output_padding, groups, dilation).squeeze(0)
    lists = (stride or [1], padding or [0], output_padding or [0], dilation or [1])
    strides, paddings, more, dilations = (list(each) * (dims // len(each)) for each in lists)
    reach = [(size - 1) * step for size, step in zip(weight.shape[2:], dilations, strict=True)]
    kept = [min(each, most) for each, most in zip(paddings, reach, strict=True)]
    if is_depthwise(x, weight, groups):
        whole = _spread_and_convolved(x, weight, bias, strides, kept, more, dilations)
    else:
        whole = aten.convolution.default(x, weight, bias, strides, kept, dilations, True, more, groups)
    for dim, (asked, done) in enumerate(zip(paddings, kept, strict=True)):
        if asked > done:
            whole = whole.narrow(dim + 2, asked - done, whole.shape[dim + 2] - 2 * (asked - done))
    return whole


def _spread_and_convolved(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    strides: Sequence[int],
    paddings: Sequence[int],
    more: Sequence[int],
    dilations: Sequence[int],
) -> torch.Tensor:
    dims = len(strides)
    for dim in range(dims):
        step, reach = strides[dim], (weight.shape[dim + 2] - 1) * dilations[dim]
        before, length = reach - paddings[dim], (x.shape[dim + 2] - 1) * step + 1
        shape = [*x.shape[: dim + 2], before + length + before + more[dim], *x.shape[dim + 3 :]]
        x = aten.slice_scatter.default(x.new_zeros(shape), x, dim + 2, before, before + length, step)
    kernel = weight.flip(list(range(2, dims + 2)))
    if dims == 3:
        return in_two_dims(x, kernel, bias, [1] * dims, dilations)
    ones, zeros = [1] * dims, [0] * dims
    return aten.convolution.default(x, kernel, bias, ones, zeros, list(dilations), False, zeros, len(weight))
