"""One call on its way through the stages of a model."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from infc.errors import ExecutorFailed

from .entries import Entry, Leg, Output, Take
from .loaded import COMPARE, first_line
from .shapes import resolve, show
from .targets import STATUS_ERRORS


class Call:
    """The values of one call of a method, `entry`.

    A value has one owner: what a stage is given is its own, to be written into, and is forgotten here. Where others
    read it later, a copy is given.
    """

    def __init__(self, entry: Entry, arrays: Sequence[np.ndarray], sizes: Mapping[str, int]) -> None:
        """Takes the inputs, checked and in the method's order; `sizes` are those of its dims."""
        self.entry = entry
        self._sizes = sizes
        self._full = sizes
        self._way = entry.legs[0].ways[0]
        if sizes:
            # A bucket is of the whole model: with several stages there are none.
            self._way = entry.way(arrays, sizes)
            self._full = dict(sizes) | self._way.build.dims
            arrays = entry.padded(arrays, self._full)
        self._values: list[Any] = [*arrays, *[None] * (entry.count - len(arrays))]

    def advance(self, leg: Leg) -> None:
        """Runs one stage.

        Raises:
            ExecutorFailed: the stage failed; names it where there are several.
            ArtifactError: one of its modules does not load.
        """
        stage = leg.stage
        try:
            arguments = [self._take(take, leg) for take in leg.takes]
            way = self._way if len(self.entry.legs) == 1 else leg.ways[0]
            results = stage.call(way, arguments, len(leg.gives))
        except STATUS_ERRORS as error:
            raise ExecutorFailed(f"{self._who(leg)} failed: {first_line(error)}", hint=COMPARE) from error
        except ExecutorFailed as error:
            raise ExecutorFailed(f"{self._who(leg)} {error.message}", hint=error.hint) from error
        self._values[leg.gives.start : leg.gives.stop] = results

    def finish(self) -> dict[str, np.ndarray]:
        """The outputs by name, once all stages have run.

        Raises:
            ExecutorFailed: an output is not what the interface says.
        """
        whole = {output.name: self._read(output) for output in self.entry.outputs}
        if self._full == self._sizes:
            return whole
        return {output.name: _cut(whole[output.name], output, self._sizes) for output in self.entry.outputs}

    def _who(self, leg: Leg) -> str:
        method = self.entry.method.name
        return method if len(self.entry.legs) == 1 else f"stage {leg.stage.name!r} of {method}"

    def _take(self, take: Take, leg: Leg) -> Any:
        value, target = self._values[take.place], leg.stage.device
        if take.origin is None:
            given = target.upload(value, take.form.element)
        elif take.last:
            given = take.origin.device.hand(value, take.form, target)
        else:
            given = take.origin.device.copy(value, take.form, target)
        if take.last:
            self._values[take.place] = None
        return given

    def _read(self, output: Output) -> np.ndarray:
        value = self._values[output.place]
        if output.stage is None:
            return np.array(value)
        shape: list[int] = value.shape
        # The sizes are the module's own claim where the interface leaves them open: the bytes must be there.
        wanted = resolve(output.shape, self._full)
        fits = all(want in (None, size) for want, size in zip(wanted, shape, strict=False))
        dtype = output.form.dtype
        if not fits or len(shape) != len(output.shape) or value.byte_length != prod(shape) * dtype.itemsize:
            raise ExecutorFailed(
                f"output {output.name!r} has shape {shape} and {value.byte_length} bytes, its interface says "
                f"{dtype.name}{show(output.shape)}",
                hint="compile the model again with this infc",
            )
        array = output.stage.device.read(value, shape, output.form.raw)
        array = array.copy() if output.again else array  # both are the caller's, to be written into
        return array if output.form.raw is dtype else array.view(dtype)


def _cut(array: np.ndarray, output: Output, sizes: Mapping[str, int]) -> np.ndarray:
    """The part that belongs to the call, without what belongs to its padding."""
    return array[tuple(slice(size) for size in resolve(output.shape, sizes))]
