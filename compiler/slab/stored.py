"""What a weight is after it was stored in fewer bits and read again, as a tensor of PyTorch's that takes its place.

Made from the definitions of `infc.dialects.transforms`, not from the slab: a slab, or a program that reads it, with
other numbers is what verification is to see.
"""

from collections.abc import Mapping, Sequence

import torch

from infc.errors import VerifyError

from ...dialects.transforms import (
    BatchNormScale,
    Cast,
    Flip,
    Permute,
    Phases,
    Quantize,
    Reshape,
    Transform,
    parse_transform,
)
from .phases import joined
from .transforming import transformed

Recipe = tuple[Transform, ...]


class CannotUndo(Exception):
    """A transform comes before the rounding whose inverse is not known."""


def recipe_of(key: str, layout: str) -> tuple[str, Recipe]:
    """The source's weight that the weight `key` of a slab is made of, and how; see `derived_key`."""
    source, *texts = key.removesuffix(f"@{layout}").split("|")
    while texts:
        try:
            return source, tuple(map(parse_transform, texts))
        except ValueError:  # the source's own name has such a mark
            source, texts = f"{source}|{texts[0]}", texts[1:]
    return source, ()


def rounds(recipe: Recipe) -> bool:
    """Whether it stores the weight in fewer bits."""
    return any(isinstance(step, Cast | Quantize) for step in recipe)


def as_stored(tensors: Mapping[str, torch.Tensor], source: str, recipe: Recipe) -> torch.Tensor:
    """The tensor `source` of `tensors`, with the shape and dtype that it has, and the numbers that are left of it.

    Of the parts of a quantized weight any one does: the others are made as well.

    Raises:
        CannotUndo: see there.
        VerifyError: the numbers that are left are further from the tensor's than their rounding explains.
    """
    place = next(place for place, step in enumerate(recipe) if isinstance(step, Cast | Quantize))
    before, step = recipe[:place], recipe[place]
    exact = transformed(tensors, source, before)
    if isinstance(step, Quantize):
        found, bound = _dequantized(tensors, source, before, step)
    else:
        found = transformed(tensors, source, (*before, step)).to(exact.dtype)
        kind = torch.finfo(torch.bfloat16 if str(step) == "cast[bf16]" else torch.float16)
        bound = exact.abs() * kind.eps + kind.tiny
    if not (torch.isfinite(exact) & ((found - exact).abs() > bound)).any():
        return _undone(tensors, source, before, found)
    raise VerifyError(
        f"weight {source!r} is stored with other numbers than its own: {step} leaves an error of up to "
        f"{(found - exact).abs().max():.3g}, more than a step of its rounding",
        hint="this is a bug in infc: please report it",
    )


def _dequantized(
    tensors: Mapping[str, torch.Tensor], source: str, before: Recipe, how: Quantize
) -> tuple[torch.Tensor, torch.Tensor]:
    """`(q - zero) * scale`, and the step of each element, which is what rounding it and its zero point may cost."""
    parts = {
        part: transformed(tensors, source, (*before, Quantize(part, how.bits, how.group, how.scheme)))
        for part in ("q", "scale", "zero")[: 2 if how.scheme == "sym" else 3]
    }
    scale = parts["scale"].repeat_interleave(how.group, dim=1)
    zero = parts["zero"].repeat_interleave(how.group, dim=1).float() if "zero" in parts else 0.0
    return (parts["q"].float() - zero) * scale, scale * (1 + 1e-5)


def _undone(
    tensors: Mapping[str, torch.Tensor], source: str, before: Sequence[Transform], found: torch.Tensor
) -> torch.Tensor:
    original = tensors[source]
    for place, step in reversed(list(enumerate(before))):
        match step:
            case Permute(axes):
                found = found.permute(tuple(axes.index(axis) for axis in range(len(axes))))
            case Reshape():
                found = found.reshape(transformed(tensors, source, before[:place]).shape)
            case Flip(axes):
                found = found.flip(axes)
            case Phases(steps):
                found = joined(found, steps, transformed(tensors, source, before[:place]).shape)
            case BatchNormScale():
                # By the factors themselves, each the scale of a tensor of ones; what is times zero stays what it was.
                ones = torch.ones(found.shape, dtype=torch.float64)
                factor = transformed({**tensors, source: ones}, source, (step,))
                scaled = (found.double() / factor).to(found.dtype)
                found = torch.where(factor == 0, transformed(tensors, source, before[:place]), scaled)
            case _:
                raise CannotUndo(f"{step} comes before the rounding of weight {source!r}")
    return found.to(original.dtype).contiguous()
