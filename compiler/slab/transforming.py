"""Doing to a weight what `infc.dialects.transforms` describes."""

from collections.abc import Mapping, Sequence

import torch

from infc.errors import CompileError

from ...dialects.transforms import (
    NO_BIAS,
    BatchNormScale,
    BatchNormShift,
    Cast,
    Concat,
    Flip,
    Permute,
    Phases,
    Quantize,
    Reshape,
    Transform,
    others,
)
from .phases import cut

_DTYPES = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32}


def transformed(tensors: Mapping[str, torch.Tensor], source: str, transforms: Sequence[Transform]) -> torch.Tensor:
    """The tensor `source` of `tensors` after all of `transforms`. Raises CompileError for one that is not known."""
    needed = (source, *others(transforms))
    if missing := next((key for key in needed if key not in tensors), None):
        raise CompileError(
            f"the program reads weight {missing!r}, which the model does not have",
            hint="a pass may derive weights (infc.passes.weights.derive), and not name others; --save-temps keeps the "
            "program",
            stage="weights",
        )
    tensor = tensors[source].detach().cpu()
    for transform in transforms:
        before, tensor = tensor, _one(tensors, tensor, transform)
        if isinstance(transform, Cast) and not torch.equal(torch.isfinite(before), torch.isfinite(tensor)):
            largest = before[torch.isfinite(before)].abs().max().item()
            raise CompileError(
                f"weight {source!r} has values of up to {largest:g}, which {transform.element} cannot hold",
                hint="cast to bf16, which has the range of f32, or leave the weights as they are",
                stage="weights",
            )
    return tensor


def _one(tensors: Mapping[str, torch.Tensor], tensor: torch.Tensor, transform: Transform) -> torch.Tensor:
    match transform:
        case Permute(axes):
            return tensor.permute(axes)
        case Reshape(shape):
            return tensor.reshape(shape)
        case Flip(axes):
            return tensor.flip(axes)
        case Phases(steps):
            return cut(tensor, steps)
        case Cast(element):
            return tensor.to(_DTYPES[element])
        case BatchNormScale(axis, eps, gamma, var):
            factor = _factor(tensors, eps, gamma, var)
            shape = [-1 if each == axis else 1 for each in range(tensor.ndim)]
            return (tensor.double() * factor.reshape(shape)).to(tensor.dtype)
        case BatchNormShift(eps, gamma, mean, var, bias):
            before = tensors[bias].double() if bias != NO_BIAS else torch.zeros(tensor.shape, dtype=torch.float64)
            moved = (before - tensors[mean].double()) * _factor(tensors, eps, gamma, var)
            return (tensor.double() + moved).detach().to(tensor.dtype)
        case Concat(axis, _, keys):
            return torch.cat([tensor, *(tensors[key].detach().cpu() for key in keys)], dim=axis)
        case Quantize():
            return _quantized(tensor, transform)
        case _:
            raise CompileError(
                f"weight transform {transform} cannot be done",
                stage="weights",
                hint="this is a mistake of infc's: please report it, with --save-temps",
            )


def _factor(tensors: Mapping[str, torch.Tensor], eps: float, gamma: str, var: str) -> torch.Tensor:
    return (tensors[gamma].double() / torch.sqrt(tensors[var].double() + eps)).detach()


def _quantized(tensor: torch.Tensor, how: Quantize) -> torch.Tensor:
    rows, columns = tensor.shape
    groups = tensor.float().reshape(rows, columns // how.group, how.group)
    scale, zero = _symmetric(groups, how.bits) if how.scheme == "sym" else _asymmetric(groups, how.bits)
    if how.part == "scale":
        return scale.squeeze(-1)
    if how.part == "zero":
        return zero.squeeze(-1).to(torch.int8)
    largest = 2 ** (how.bits - 1) - 1
    lowest = -largest if how.scheme == "sym" else -largest - 1
    return (torch.round(groups / scale) + zero).clamp(lowest, largest).to(torch.int8).reshape(rows, columns)


def _symmetric(groups: torch.Tensor, bits: int) -> tuple[torch.Tensor, torch.Tensor]:
    largest = groups.abs().amax(dim=-1, keepdim=True)
    scale = largest / (2 ** (bits - 1) - 1)
    # A group of zeros has no scale of its own; any will do.
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    return scale, torch.zeros_like(scale)


def _asymmetric(groups: torch.Tensor, bits: int) -> tuple[torch.Tensor, torch.Tensor]:
    # Zero is always among the values that can be said exactly.
    low = groups.amin(dim=-1, keepdim=True).clamp(max=0)
    high = groups.amax(dim=-1, keepdim=True).clamp(min=0)
    scale = (high - low) / (2**bits - 1)
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    return scale, torch.round(-low / scale) - 2 ** (bits - 1)
