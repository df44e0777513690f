"""What a call of a method needs, looked up once: the form of its values, and the way that they take through stages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .artifact import Method, Ref, Wiring
from .forms import Form, form_of
from .loaded import LoadedStage, Way
from .memory.rows import Table, tables
from .shapes import sized


@dataclass(frozen=True, slots=True)
class Output:
    """How one output is read, and where it lies: a place in `Call.values`, and the stage that gave it, None for an
    input that comes back as it is. `again`: an output before it is the same value."""

    name: str
    shape: tuple[int | str, ...]
    form: Form
    place: int
    stage: LoadedStage | None
    again: bool


@dataclass(frozen=True, slots=True)
class Take:
    """An argument of a stage: a place in `Call.values`, the stage that gave it (None: the caller), and whether nobody
    needs it afterwards."""

    place: int
    form: Form
    origin: LoadedStage | None
    last: bool


@dataclass(frozen=True, slots=True)
class Leg:
    """One stage's turn: what it takes, and the places of what it gives."""

    stage: LoadedStage
    ways: tuple[Way, ...]
    takes: tuple[Take, ...]
    gives: range


@dataclass(frozen=True, slots=True)
class Entry:
    """A method, its way through the stages, and how its outputs are read.

    Values have places: the inputs come first, then what the stages give, in their order; `count` is how many there are.
    """

    method: Method
    legs: tuple[Leg, ...]
    outputs: tuple[Output, ...]
    count: int
    names: Mapping[str, int]  # the places of the inputs
    tables: Mapping[str, Table]  # of which inputs name rows, by their keys

    @staticmethod
    def of(method: Method, wiring: Wiring, stages: Mapping[str, LoadedStage]) -> "Entry":
        """The method with the stages that its wiring names."""
        names = {spec.name: place for place, spec in enumerate(method.inputs)}
        places = {("", number): number for number in range(len(method.inputs))}
        forms = [form_of(spec.dtype) for spec in method.inputs]
        origins: list[LoadedStage | None] = [None] * len(forms)
        gives: list[range] = []
        for step in wiring.steps:
            gives.append(range(len(forms), len(forms) + len(step.outputs)))
            places.update({(step.stage, number): place for number, place in enumerate(gives[-1])})
            forms += [form_of(edge.dtype) for edge in step.outputs]
            origins += [stages[step.stage]] * len(step.outputs)

        def place(ref: Ref) -> int:
            return places[ref.stage, ref.number]

        needed = {place(ref) for ref in wiring.outputs}
        legs: list[Leg] = []
        for step, given in reversed(list(zip(wiring.steps, gives, strict=True))):
            takes: list[Take] = []
            for own in map(place, reversed(step.inputs)):  # backwards: who comes first here is the last reader
                takes.append(Take(own, forms[own], origins[own], own not in needed))
                needed.add(own)
            legs.append(Leg(stages[step.stage], stages[step.stage].ways(method.name), tuple(reversed(takes)), given))
        at = list(map(place, wiring.outputs))
        outputs = tuple(
            Output(spec.name, spec.shape, form_of(spec.dtype), own, origins[own], own in at[:number])
            for number, (spec, own) in enumerate(zip(method.outputs, at, strict=True))
        )
        legs.reverse()
        return Entry(method, tuple(legs), outputs, len(forms), names, dict(_tables(method, legs)))

    def way(self, arrays: Sequence[np.ndarray], sizes: Mapping[str, int]) -> Way:
        """The first of a single stage's that takes these inputs; one takes all that are in range, as the validator has
        checked."""
        return next(way for way in self.legs[0].ways if self._takes(way, arrays, sizes))

    def _takes(self, way: Way, arrays: Sequence[np.ndarray], sizes: Mapping[str, int]) -> bool:
        """Whether a call of these inputs and sizes fits, with padding or without."""
        fits = all(sizes[name] <= size for name, size in way.build.dims.items())
        return fits and all(arrays[self.names[name]].any(axis=-1).all() for name in way.build.visible)

    def padded(self, arrays: Sequence[np.ndarray], sizes: Mapping[str, int]) -> list[np.ndarray]:
        """The inputs with zeros behind them, up to the sizes given."""
        return [_padded(each, sized(spec, sizes)) for spec, each in zip(self.method.inputs, arrays, strict=True)]


def _tables(method: Method, legs: Sequence[Leg]) -> Iterator[tuple[str, Table]]:
    for leg in legs:
        given = [(take.place, method.inputs[take.place]) for take in leg.takes if take.origin is None]
        yield from tables(given, leg.stage.layout, leg.stage.weights.address)


def _padded(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if array.shape == shape:
        return array
    larger = np.zeros(shape, array.dtype)
    larger[tuple(slice(size) for size in array.shape)] = array
    return larger
