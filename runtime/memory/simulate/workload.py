"""What a simulation is fed with: which model is called when, and what its weights are made of."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infc.errors import InfcError, UsageError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Workload:
    """Calls in the order of time, and the models that they go to.

    Attributes:
        at: f64[calls], seconds from the first moment of the trace, never falling.
        model: i64[calls], an index into `sizes`.
        sizes: i64[models], bytes of each model's weights.
        family: how many models in a row share chunks: fine-tunes of one model.
        shared: the share of a model's chunks, from its beginning, that its family shares.
    """

    at: Floats
    model: Ints
    sizes: Ints
    family: int = 1
    shared: float = 0.0

    def __post_init__(self) -> None:
        if not len(self.at) or len(self.at) != len(self.model):
            raise InfcError(f"the trace has {len(self.at)} calls, expected 1 or more")
        if not np.isfinite(self.at).all() or (np.diff(self.at) < 0).any():
            raise InfcError("the trace's times are not finite numbers in order", hint="sort the calls by their time")
        if self.sizes.min() < 1:
            raise InfcError(f"model {int(self.sizes.argmin())} has {int(self.sizes.min())} bytes, expected 1 or more")

    @property
    def bytes(self) -> int:
        """Bytes of all models together, each counted whole."""
        return int(self.sizes.sum())

    @property
    def seconds(self) -> float:
        """From the first call to the last."""
        return float(self.at[-1] - self.at[0])

    def chunks(self, model: int, chunk: int) -> tuple[list[int], list[int]]:
        """A model's chunks in the order of its forward pass, as numbers, and the bytes of each.

        Args:
            model: its index.
            chunk: bytes of a chunk; the last one may be shorter.

        Raises:
            UsageError: so many chunks that the simulation would not end.
        """
        size = int(self.sizes[model])
        count = -(-size // chunk)
        if count > _MOST:
            raise UsageError(
                f"model {model} of {size} bytes has {count} chunks of {chunk} bytes, more than the {_MOST} it may have",
                hint="simulate larger chunks: --chunk 64MiB, for example",
            )
        sizes = [chunk] * (count - 1) + [size - chunk * (count - 1)]
        first = model * _STRIDE
        names = list(range(first, first + count))
        if self.family > 1:
            # Numbers below zero are a family's. The last chunk is never shared: its size is the model's own.
            common = min(int(self.shared * count), count - 1)
            base = -1 - (model // self.family) * _STRIDE
            names[:common] = range(base, base - common, -1)
        return names, sizes


_STRIDE = 1 << 32  # more chunks than a model has
_MOST = 1 << 20
