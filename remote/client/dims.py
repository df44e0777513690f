"""Dims whose sizes a call chooses, checked before anything is sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from infc.errors import InvalidInput

if TYPE_CHECKING:
    from .tensors import Array

Shape = tuple[int | str, ...]


@dataclass(frozen=True)
class Dims:
    """The dims of one method: the smallest and the largest size of each, and the shapes of the inputs that name one.

    In one call a dim has one size, in all inputs.
    """

    ranges: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    shapes: Mapping[str, Shape] = field(default_factory=dict[str, Shape])

    @staticmethod
    def parse(dims: object, shapes: object) -> "Dims":
        """The dims that a pointer describes: `[["rows", 1, 16]]` and `[["x", ["rows", 4]]]`.

        Raises:
            ValueError: these describe none.
        """
        ranges = dict(_range(each) for each in _list(dims, "dims"))
        found = dict(_shape(each) for each in _list(shapes, "shapes"))
        named = {size for shape in found.values() for size in shape if isinstance(size, str)}
        if unknown := sorted(named - ranges.keys()):
            raise ValueError(f"shapes name the dim {unknown[0]!r}, which has no range")
        return Dims(ranges, found)

    def check(self, inputs: "Mapping[str, Array]", *, model: str) -> None:
        """Raises `InvalidInput` when a size is out of its dim's range, or two inputs disagree.

        An input of another rank is left to who checks that.
        """
        origin: dict[str, tuple[int, str]] = {}
        for name, shape in self.shapes.items():
            actual = getattr(inputs.get(name), "shape", ())
            if len(actual) != len(shape):
                continue
            for dim, size in zip(shape, actual, strict=True):
                if isinstance(dim, int):
                    continue
                low, high = self.ranges[dim]
                if not low <= size <= high:
                    raise InvalidInput(
                        f"input {name!r} of model {model!r} has {dim} = {size}, expected {low} to {high}",
                        hint="the model was compiled for these sizes; split or cut the input, or compile it with a "
                        "wider range",
                    )
                first, where = origin.setdefault(dim, (size, name))
                if first != size:
                    raise InvalidInput(
                        f"dim {dim!r} of model {model!r} is {first} in input {where!r} and {size} in input {name!r}",
                        hint="a dim has one size in all inputs of a call",
                    )


def _list(raw: object, what: str) -> list[Any]:
    if not isinstance(raw, list):
        raise ValueError(f"{what} is {str(raw)[:60]}, expected a list")
    return cast("list[Any]", raw)


def _range(raw: object) -> tuple[str, tuple[int, int]]:
    match raw:
        case [str(name), int(low), int(high)] if 0 <= low <= high:
            return name, (low, high)
        case _:
            raise ValueError(f"{str(raw)[:60]} is no dim, expected its name, smallest and largest size")


def _shape(raw: object) -> tuple[str, Shape]:
    match raw:
        case [str(name), [*sizes]] if all(isinstance(each, int | str) for each in sizes):
            return name, tuple(sizes)
        case _:
            raise ValueError(f"{str(raw)[:60]} is no shape, expected an input's name, and its sizes and dims")
