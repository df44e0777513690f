"""Whether zeros behind the inputs change what PyTorch answers: the condition for calls to be padded to a bucket."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from infc.errors import SourceError

from ...runtime.artifact import Method, Values
from ...runtime.shapes import resolve, sized
from ..frontend.export import Program
from ..verification.comparison import Disagreement, compare, to_numpy
from ..verification.reference import Reference, Tensors
from ..verification.sampling import draw, hides_rows, is_mask, kinds, shown
from .buckets import Sizes


@dataclass(frozen=True)
class Padding:
    """What padding to buckets does: `harm` says what it changes, empty where nothing.

    It changes nothing only in calls whose `visible` masks hide no whole row: a softmax over nothing but hidden places
    gives all of them the same share, so that their number is in the result, and padding adds to it.
    """

    harm: str = ""
    visible: tuple[str, ...] = ()


def try_padding(program: Program, buckets: Sequence[Sizes], trials: Sequence[Sizes], seed: int) -> Padding:
    """What padding to the smallest bucket that covers a call changes, or why it cannot be known.

    Compared are PyTorch's own answers, padded and cut against unpadded, on every kind of values: a bucket that is
    compiled is compared again, but one that could not be right is not compiled.
    """
    reference = Reference(program)
    generator = torch.Generator().manual_seed(seed)
    examples = reference.examples()
    specs = [(spec, examples[spec.name]) for spec in program.method.inputs]
    masks = [spec.name for spec, example in specs if is_mask(spec, example)]
    plan: list[Values] = ["random", *kinds(specs)]
    visible: set[str] = set()
    for number, sizes in enumerate(trials):
        bucket = next((each for each in buckets if all(sizes[name] <= size for name, size in each.items())), None)
        if bucket is None or bucket == sizes:
            continue
        for values in dict.fromkeys((plan[0], plan[number % len(plan)])):
            inputs = {spec.name: draw(values, spec, example, sized(spec, sizes), generator) for spec, example in specs}
            found = _changed(program.method, reference, inputs, sizes, bucket)
            hidden = [name for name in masks if hides_rows(inputs[name])]
            if found and hidden:
                inputs |= {name: shown(inputs[name]) for name in hidden}
                found = _changed(program.method, reference, inputs, sizes, bucket)
                visible.update(hidden)
            if found:
                return Padding(
                    f"padding {show(sizes)} to {show(bucket)} changes the numbers, on {values} inputs: {found}"
                )
    return Padding(visible=tuple(name for name in masks if name in visible))


def show(sizes: Mapping[str, int]) -> str:
    """`batch=3, seq=17`."""
    return ", ".join(f"{name}={size}" for name, size in sizes.items())


def _changed(method: Method, reference: Reference, inputs: Tensors, sizes: Sizes, bucket: Sizes) -> str:
    larger = {spec.name: _padded(inputs[spec.name], sized(spec, bucket)) for spec in method.inputs}
    try:
        expected, found = reference(inputs), reference(larger)
    except SourceError as error:
        return error.message
    for spec in method.outputs:
        cut = tuple(slice(size) for size in resolve(spec.shape, sizes))
        difference = compare(spec, to_numpy(expected[spec.name]), to_numpy(found[spec.name])[cut])
        if isinstance(difference, Disagreement):
            return f"output {spec.name!r}: {difference.why}".replace("the compiled model", "padded it gives")
    return ""


def _padded(tensor: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    larger = torch.zeros(shape, dtype=tensor.dtype)
    larger[tuple(slice(size) for size in tensor.shape)] = tensor
    return larger
