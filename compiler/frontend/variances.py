"""Variance and mean over several dims, as group and instance norms take them, by shifted data."""

import math

import torch

_NARROW = (torch.float16, torch.bfloat16)


def var_mean(
    x: torch.Tensor, dim: list[int] | None = None, *, correction: float | None = None, keepdim: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Variance and mean over `dim`, where these are several dims, of what each element has more than the first.

    A plane of an image may be constant: the rounding of its sum, which a norm then enlarges 300 times, would be all
    that is left. See T. F. Chan, G. H. Golub, R. J. LeVeque, Algorithms for Computing the Sample Variance, The American
    Statistician 37, 1983.
    """
    if not dim or len(dim) < 2 or not x.dtype.is_floating_point or any(x.shape[axis] == 0 for axis in dim):
        return NotImplemented
    wide = x.to(torch.float32) if x.dtype in _NARROW else x
    first = wide
    for axis in dim:
        first = first.narrow(axis, 0, 1)
    shift = torch.where(first.abs() < math.inf, first, torch.zeros_like(first))
    moved = wide - shift
    mean = moved.mean(dim, keepdim=True)
    count = math.prod(x.shape[axis] for axis in dim)
    freedom = count - (1 if correction is None else correction)
    variance = (moved - mean).square().sum(dim, keepdim=True) / freedom
    found = variance.to(x.dtype), (mean + shift).to(x.dtype)
    return found if keepdim else (found[0].squeeze(dim), found[1].squeeze(dim))
