"""`--input` for a factory's model: its example call with other shapes, or with inputs that it left out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
import torch.utils._pytree as pytree

from infc.errors import SourceError

from ...runtime.artifact import signature as sig
from ..frontend.arguments import in_order_of_forward, input_names, takes
from ..frontend.source import Source
from .request import Shape


def with_shapes(sources: Sequence[Source], shapes: Mapping[str, Shape]) -> list[Source]:
    """The sources with other example inputs: each shape is for the input of that flat name, in every source that has
    it, or for a parameter that the example call leaves out.

    Values are drawn over the old example's range; those of an input that is new are normal, or ones.

    Raises:
        SourceError: no source has such an input.
    """
    if not shapes:
        return list(sources)
    generator = torch.Generator().manual_seed(0)
    changed: set[str] = set()
    found = [_changed(each, shapes, generator, changed) for each in sources]
    for name in shapes:
        if name not in changed:
            names = dict.fromkeys(name for each in sources for name in [*input_names(each), *_open(each)])
            raise SourceError(f"the model takes no input {name!r}", hint=f"it takes {', '.join(names) or 'none'}")
    return found


def _changed(source: Source, shapes: Mapping[str, Shape], generator: torch.Generator, changed: set[str]) -> Source:
    source = in_order_of_forward(source)
    names = iter(input_names(source))
    leaves, tree = pytree.tree_flatten((source.args, dict(source.kwargs)))
    for place, leaf in enumerate(leaves):
        if isinstance(leaf, torch.Tensor) and (name := next(names)) in shapes:
            leaves[place] = _like(leaf, shapes[name], generator)
            changed.add(name)
    args, kwargs = tree.unflatten(leaves)
    for name in _open(source):
        if name in shapes:
            kwargs[name] = _new(shapes[name], generator)
            changed.add(name)
    return replace(source, args=tuple(args), kwargs=kwargs)


def _open(source: Source) -> list[str]:
    """The parameters that may be given by name and are not."""
    count = len(source.args)
    return [
        each.name
        for place, each in enumerate(takes(in_order_of_forward(source)))
        if isinstance(each.tree, sig.Nothing | sig.Absent)
        and each.kind != "positional"
        and place >= count
        and each.name not in source.kwargs
    ]


def _like(example: torch.Tensor, shape: Shape, generator: torch.Generator) -> torch.Tensor:
    if shape.dtype == torch.bool:
        return torch.randint(0, 2, shape.dims, generator=generator).bool()
    if shape.dtype.is_floating_point:
        finite = example[example.isfinite()].double() if example.dtype.is_floating_point else example.double()
        mean, spread = (finite.mean(), finite.std(correction=0)) if finite.numel() else (0.0, 1.0)
        return (torch.randn(shape.dims, generator=generator, dtype=torch.float64) * spread + mean).to(shape.dtype)
    if example.dtype.is_floating_point or not example.numel():
        return torch.zeros(shape.dims, dtype=shape.dtype)
    low, high = int(example.min()), int(example.max())
    return torch.randint(low, high + 1, shape.dims, generator=generator).to(shape.dtype)


def _new(shape: Shape, generator: torch.Generator) -> torch.Tensor:
    if shape.dtype.is_floating_point:
        return torch.randn(shape.dims, generator=generator).to(shape.dtype)
    return torch.ones(shape.dims, dtype=shape.dtype)
