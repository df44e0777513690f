"""Pooling over windows that fit: what torch-mlir and IREE make of the others does not compile, or not rightly."""

from dataclasses import dataclass
from typing import Any

import torch

aten = torch.ops.aten


@dataclass(frozen=True)
class _Axis:
    """One dim of a pooling: the input's size, and the window's."""

    size: int
    window: int
    stride: int
    padding: int
    ceil: bool

    @property
    def places(self) -> int:
        """How many windows there are. One that would begin behind the input's padding is none."""
        spare = self.size + 2 * self.padding - self.window
        count = (spare + (self.stride - 1 if self.ceil else 0)) // self.stride + 1
        begins_behind = (count - 1) * self.stride >= self.size + self.padding
        return count - 1 if self.ceil and begins_behind else count

    @property
    def fits(self) -> bool:
        """Whether the windows end where the padded input does."""
        return (self.places - 1) * self.stride + self.window == self.size + 2 * self.padding

    def counts(self, include_pad: bool) -> torch.Tensor:
        """How many places each window averages over, with those of the padding that was asked for, or not."""
        begin = torch.arange(self.places) * self.stride - self.padding
        end = (begin + self.window).clamp(max=self.size + self.padding)
        return end - begin if include_pad else end.clamp(max=self.size) - begin.clamp(min=0)


def average_pool(
    x: torch.Tensor,
    kernel_size: list[int],
    stride: list[int] | None = None,
    padding: list[int] | int = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> torch.Tensor:
    """The mean of each window of `x` [..., C, *sizes], where a window goes beyond the input or leaves places unread.

    The pinned IREE finds the sizes of such windows contradictory. The input is cut, or filled with zeros, to what is
    read; a single window is cut to what there is.
    """
    dims = len(kernel_size)
    strides, paddings = _each(stride or kernel_size, dims), _each(padding, dims)
    axes = _axes(x, kernel_size, strides, paddings, ceil_mode)
    if all(axis.fits for axis in axes):
        return (
            _average(x, kernel_size, strides, paddings, count_include_pad, divisor_override) if ceil_mode else _AS_IT_IS
        )
    x, windows = _fitted(x, axes, 0.0)
    sums = _average(x, windows, strides, [0] * dims, True, 1)
    if divisor_override is not None:
        return sums / divisor_override
    count = torch.ones([1] * dims, dtype=x.dtype, device=x.device)
    for at, axis in enumerate(axes):
        count = count * axis.counts(count_include_pad).to(x).reshape([-1 if dim == at else 1 for dim in range(dims)])
    return sums / count


def max_pool(
    x: torch.Tensor,
    kernel_size: list[int],
    stride: list[int] | None = None,
    padding: list[int] | int = 0,
    dilation: list[int] | int = 1,
    ceil_mode: bool = False,
) -> torch.Tensor:
    """The maximum of each window, where `average_pool` has to do something too. What fills is the least there is."""
    dims = len(kernel_size)
    strides, paddings, steps = (_each(each, dims) for each in (stride or kernel_size, padding, dilation))
    extents = [(window - 1) * step + 1 for window, step in zip(kernel_size, steps, strict=True)]
    axes = _axes(x, extents, strides, paddings, ceil_mode)
    if all(axis.fits for axis in axes) and not ceil_mode:
        return _AS_IT_IS
    least = float("-inf") if x.dtype.is_floating_point else torch.iinfo(x.dtype).min
    x, windows = _fitted(x, axes, least, whole=max(steps) > 1)
    windows = kernel_size if max(steps) > 1 else windows
    if dims == 1:
        return aten.max_pool2d.default(x.unsqueeze(-2), [1, *windows], [1, *strides], [0, 0], [1, *steps]).squeeze(-2)
    operator = aten.max_pool2d if dims == 2 else aten.max_pool3d
    return operator.default(x, windows, strides, [0] * dims, steps)


def _axes(x: torch.Tensor, extents: list[int], strides: list[int], paddings: list[int], ceil: bool) -> list[_Axis]:
    options = zip(x.shape[-len(extents) :], extents, strides, paddings, strict=True)
    return [_Axis(size, window, step, around, ceil) for size, window, step, around in options]


def _fitted(x: torch.Tensor, axes: list[_Axis], fill: float, *, whole: bool = False) -> tuple[torch.Tensor, list[int]]:
    """`x` from the first place that a window reads to the last, and the windows; a single one is cut unless `whole`."""
    windows: list[int] = []
    around: list[int] = []
    for at, axis in enumerate(axes, x.dim() - len(axes)):
        before, window = axis.padding, axis.window
        end = (axis.places - 1) * axis.stride - axis.padding + window
        if axis.places == 1 and not whole:
            before, end = 0, min(end, axis.size)
            window = end
        windows.append(window)
        around = [before, max(end - axis.size, 0), *around]
        x = x.narrow(at, 0, min(end, axis.size))
    return (aten.constant_pad_nd.default(x, around, fill) if any(around) else x), windows


def _average(
    x: torch.Tensor, window: list[int], stride: list[int], padding: list[int], include_pad: bool, divisor: int | None
) -> torch.Tensor:
    if len(window) == 1:
        planes = x.unsqueeze(-2)
        options: Any = ([1, *window], [1, *stride], [0, *padding], False, include_pad, divisor)
        return aten.avg_pool2d.default(planes, *options).squeeze(-2)
    operator = aten.avg_pool2d if len(window) == 2 else aten.avg_pool3d
    return operator.default(x, window, stride, padding, False, include_pad, divisor)


def _each(value: list[int] | int, dims: int) -> list[int]:
    given = [value] if isinstance(value, int) else value
    return [*given] * (dims // len(given))


_AS_IT_IS: Any = NotImplemented
