"""Convolutions whose sizes torch-mlir and IREE take for right: the others crash the one, or contradict the other."""

import torch

from .depthwise import in_two_dims, is_depthwise

aten = torch.ops.aten


def convolution(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: list[int] | None = None,
    padding: list[int] | str | None = None,
    dilation: list[int] | None = None,
    groups: int = 1,
) -> torch.Tensor:
    """A convolution of a batch that is given no more of `x` than it reads, with as much padding on both sides.

    Where the window or the result has a single place in a dim, and the stride leaves the input's last places unread,
    the pinned IREE folds that dim away and then finds the sizes contradictory (`FoldUnitExtentDimsPass`). One image
    without a batch ends torch-mlir's process, and of `padding="same"` it forgets the place that an even window needs.
    """
    dims = weight.dim() - 2
    if x.dim() == weight.dim() - 1:
        return convolution(x.unsqueeze(0), weight, bias, stride, padding, dilation, groups).squeeze(0)
    stride, dilation = stride or [1], dilation or [1]
    stride, dilation = (list(each) * (dims // len(each)) for each in (stride, dilation))
    reach = [(weight.shape[dim + 2] - 1) * dilation[dim] for dim in range(dims)]
    if isinstance(padding, str):
        before = [each // 2 if padding == "same" else 0 for each in reach]
        uneven = [each % 2 if padding == "same" else 0 for each in reach]
        if any(uneven):
            x = aten.constant_pad_nd.default(x, [side for each in reversed(uneven) for side in (0, each)])
        padding = before
    padding = [0] if padding is None else padding
    padding = list(padding) * (dims // len(padding))
    around: list[int] = []
    for dim in range(dims):
        window = reach[dim] + 1
        spare = x.shape[dim + 2] + 2 * padding[dim] - window
        unread = spare % stride[dim] if window == 1 or spare < stride[dim] else 0
        around = [padding[dim], max(padding[dim] - unread, 0), *around] if unread else [0, 0, *around]
        x = x.narrow(dim + 2, 0, x.shape[dim + 2] - max(unread - padding[dim], 0))
        padding[dim] = 0 if unread else padding[dim]
    if any(around):
        x = aten.constant_pad_nd.default(x, around)
    if dims == 3 and is_depthwise(x, weight, groups):
        if any(padding):
            x = aten.constant_pad_nd.default(x, [each for each in reversed(padding) for _ in (0, 1)])
        return in_two_dims(x, weight, bias, stride, dilation)
    return aten.convolution.default(x, weight, bias, stride, padding, dilation, False, [0] * dims, groups)
