"""Cutting a convolution's kernel into one for each phase of the output, and putting it together again."""

from collections.abc import Sequence

import torch
import torch.nn.functional as functional


def cut(kernel: torch.Tensor, steps: Sequence[int]) -> torch.Tensor:
    """[..., F * phases, C, parts...] of `kernel` [..., F, C, window...]; see `infc.dialects.transforms.Phases`."""
    lead, spatial = kernel.ndim - len(steps), range(len(steps))
    window = kernel.shape[lead:]
    missing = [-size % step for size, step in zip(window, steps, strict=True)]
    whole = functional.pad(kernel, [each for gap in reversed(missing) for each in (0, gap)])
    sizes = [size for part, step in zip(whole.shape[lead:], steps, strict=True) for size in (part // step, step)]
    split = whole.reshape(*kernel.shape[:lead], *sizes)
    phases, parts = [lead + 2 * axis + 1 for axis in spatial], [lead + 2 * axis for axis in spatial]
    ordered = split.flip(phases).permute(*range(lead - 1), *phases, lead - 1, *parts)
    return ordered.flatten(lead - 2, lead - 2 + len(steps))


def joined(phases: torch.Tensor, steps: Sequence[int], shape: Sequence[int]) -> torch.Tensor:
    """The kernel of `shape` of which `cut` made `phases`."""
    lead, spatial = len(shape) - len(steps), range(len(steps))
    split = phases.unflatten(lead - 2, (shape[lead - 2], *steps))
    places = [each for axis in spatial for each in (lead + len(steps) + axis, lead - 1 + axis)]
    ordered = split.permute(*range(lead - 1), lead - 1 + len(steps), *places)
    whole = ordered.flip([lead + 2 * axis + 1 for axis in spatial])
    for axis in spatial:
        whole = whole.flatten(lead + axis, lead + axis + 1).narrow(lead + axis, 0, shape[lead + axis])
    return whole
