"""The calls on which the artifact and PyTorch are compared: drawn, and PyTorch asked."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from infc.errors import SourceError

from ...runtime.artifact import LeftOut, TensorSpec, Values
from ...runtime.shapes import sized
from ..frontend.export import Program
from .reference import Reference, Tensors
from .sampling import draw, is_mask, kinds, shown


@dataclass(frozen=True)
class Trial:
    """One call: the kind of its values, its number among the random ones, inputs, and PyTorch's outputs.

    `sizes` are those of the dims that vary, by name.
    """

    values: Values
    number: int
    inputs: Tensors
    expected: Tensors
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])

    def __str__(self) -> str:
        text = f"{self.values} inputs, trial {self.number}" if self.values == "random" else f"{self.values} inputs"
        return text + "".join(f", {name}={size}" for name, size in self.sizes.items())


def draw_trials(
    program: Program,
    reference: Reference,
    count: int,
    seed: int,
    sizes: Sequence[Mapping[str, int]] = (),
    visible: Sequence[str] = (),
) -> Iterator[Trial | LeftOut]:
    """`count` trials on random inputs, then one of each kind that the inputs have, or why there is none. See `verify`.

    Where PyTorch refuses random integers (a length, a number of frames), the examples' own are kept, and that is said.
    """
    generator = torch.Generator().manual_seed(seed)
    examples = reference.examples()
    specs = [(spec, examples[spec.name]) for spec in program.method.inputs]
    fixed: Tensors = {}
    for number, (values, own, masks) in enumerate(_plan(count, kinds(specs), sizes, visible)):
        drawn = {spec.name: draw(values, spec, example, sized(spec, own), generator) for spec, example in specs}
        drawn |= {name: shown(drawn[name]) for name in masks}
        kept = {spec.name: _fitted(fixed[spec.name], sized(spec, own)) for spec, _ in specs if spec.name in fixed}
        try:
            yield _trial(reference, values, number, drawn | kept, own)
        except SourceError as error:
            if values != "random":
                yield LeftOut(values=values, why=error.message)
                continue
            integers = {spec.name: example for spec, example in specs if _counts(spec, example)}
            if fixed or not integers:
                raise
            fixed = integers
            kept = {spec.name: _fitted(fixed[spec.name], sized(spec, own)) for spec, _ in specs if spec.name in fixed}
            yield _trial(reference, values, number, drawn | kept, own)
            names = ", ".join(fixed)
            yield LeftOut(values=values, why=f"other integers than the example's for {names}: {error.message}")


def planned(
    program: Program, count: int, sizes: Sequence[Mapping[str, int]] = (), visible: Sequence[str] = ()
) -> list[Mapping[str, int]]:
    """The sizes of all trials that `draw_trials` draws."""
    examples = Reference(program).examples()
    values = kinds([(spec, examples[spec.name]) for spec in program.method.inputs])
    return [own for _, own, _ in _plan(count, values, sizes, visible)]


def _plan(
    count: int, others: Sequence[Values], sizes: Sequence[Mapping[str, int]], visible: Sequence[str]
) -> Iterator[tuple[Values, Mapping[str, int], Sequence[str]]]:
    """What is tried: the kind of values, the sizes of the dims that vary, and the masks that hide no whole row."""
    tried = sizes or [{}]
    for masks in [(), visible] if visible else [()]:
        for number in range(max(count, len(sizes))):
            yield "random", tried[number % len(tried)], masks
    for values in others:
        for place in sorted({0, len(tried) // 2}):
            yield values, tried[place], ()


def _fitted(example: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """The example's own values in another shape: again from the first where there are too few."""
    if tuple(example.shape) == tuple(shape) or not example.numel():
        return example
    places = torch.arange(math.prod(shape)) % example.numel()
    return example.flatten()[places].reshape(tuple(shape))


def _trial(reference: Reference, values: Values, number: int, inputs: Tensors, sizes: Mapping[str, int]) -> Trial:
    return Trial(values, number, inputs, reference(inputs), sizes)


def _counts(spec: TensorSpec, example: torch.Tensor) -> bool:
    """Whether it is an integer that the model may count with."""
    return spec.dtype != "bool" and not example.dtype.is_floating_point and not is_mask(spec, example)
