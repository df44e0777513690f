"""Sizes from version to version, as a caller of the earlier one meets them.

A size is looked at as the range that it may have, and one that varies also as that of the inputs that it comes from: an
output as long as the batch stays right for a caller when larger batches are taken.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from ..runtime.artifact import UNKNOWN, Method

Size = int | str
Range = tuple[int, int]  # the smallest and the largest
Place = tuple[str, int]  # an input and one of its dims

_UNBOUNDED = (0, 1 << 62)


@dataclass(frozen=True)
class Sizes:
    """The sizes of a method's tensors."""

    method: Method

    @cached_property
    def _ranges(self) -> dict[str, Range]:
        return {dim.name: (dim.low, dim.high) for dim in self.method.dims} | {UNKNOWN: _UNBOUNDED}

    @cached_property
    def inputs(self) -> dict[Place, Size]:
        """The size at each place."""
        return {(spec.name, axis): size for spec in self.method.inputs for axis, size in enumerate(spec.shape)}

    @cached_property
    def places(self) -> dict[str, list[Place]]:
        """Where the inputs have each dim."""
        found: dict[str, list[Place]] = defaultdict(list)
        for place, size in self.inputs.items():
            if isinstance(size, str) and size != UNKNOWN:
                found[size].append(place)
        return found

    def of(self, size: Size) -> Range:
        """The range of a size."""
        return (size, size) if isinstance(size, int) else self._ranges[size]

    def said(self, size: Size) -> str:
        """An output's size in words."""
        where = self.places.get(size) if isinstance(size, str) else None
        return f"the size of input {where[0][0]!r}[{where[0][1]}]" if where else say(self.of(size))


def say(sizes: Range) -> str:
    """A range in words."""
    if sizes == _UNBOUNDED:
        return "any size"
    return f"size {sizes[0]}" if sizes[0] == sizes[1] else f"sizes {sizes[0]} to {sizes[1]}"


def output_stays(old: Sizes, new: Sizes, was: Size, now: Size) -> bool:
    """Whether an output's size that was `was` is, now that it is `now`, what each call of before gave."""
    if UNKNOWN in (was, now):
        return was == UNKNOWN
    if isinstance(was, str) and isinstance(now, str) and not set(old.places[was]).isdisjoint(new.places[now]):
        return True
    where = new.places[now] if isinstance(now, str) else []
    met = [new.of(now), *(old.of(old.inputs[place]) for place in where if place in old.inputs)]
    before = old.of(was)
    return before[0] == before[1] and before in met


def joined(old: Sizes, new: Sizes) -> Iterator[tuple[str, list[Place]]]:
    """The dims of inputs that must now be equal at several places and might differ before."""
    for dim, everywhere in new.places.items():
        where = [place for place in everywhere if place in old.inputs]
        before = {old.inputs[place] for place in where}
        ranges = {old.of(size) for size in before}
        fixed = len(ranges) == 1 and all(low == high for low, high in ranges)
        if (len(before) > 1 or before == {UNKNOWN}) and len(where) > 1 and not fixed:
            yield dim, where
