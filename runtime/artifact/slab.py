"""Laying out weights in a slab and cutting it into chunks, in one pass over the weights.

Large weights begin on a page of their own. Small ones are gathered: they wait until together they fill `GATHER` bytes,
so that a bias does not cost a page. A group holds those of several layers, and lies behind the last of them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from infc.errors import ArtifactError

from .dtypes import byte_size
from .format import CHUNK_SIZE, PAGE_SIZE, StorageDType
from .schema import Slab, SlabWeight

GATHER = 64 * 1024  # bytes; a weight below this is small
ALIGNMENT = 64  # bytes; what IREE needs to use a parameter where it lies, without a copy at load

Bytes = bytes | bytearray | memoryview | np.ndarray


@dataclass(frozen=True)
class WeightData:
    """A weight on its way into a slab: a `SlabWeight` that has its bytes and no place yet.

    `data` holds the elements as the module reads them (packed, C order): a buffer or a C-contiguous array of as many
    bytes as `shape` elements of `dtype` take. `shape` is the packed shape, `digest` that of the logical tensor.
    """

    key: str
    digest: str
    dtype: StorageDType
    shape: tuple[int, ...]
    layout: str
    data: Bytes
    by_rows: bool = False

    def view(self) -> memoryview:
        """The bytes, without a copy.

        Raises:
            ArtifactError: the buffer is not contiguous, or its size is not what dtype and shape say.
        """
        data = self.data
        if isinstance(data, np.ndarray):
            if not data.flags.c_contiguous:
                raise ArtifactError(
                    f"weight {self.key!r} is not C-contiguous", hint="pass np.ascontiguousarray(weight)"
                )
            data = data.reshape(-1).view(np.uint8).data
        view = memoryview(data)
        expected = byte_size(self.dtype, self.shape)
        if view.nbytes != expected:
            raise ArtifactError(
                f"weight {self.key!r} has {view.nbytes} bytes, but {self.dtype}{list(self.shape)} takes {expected}"
            )
        return view.cast("B") if view.nbytes else memoryview(b"")


@dataclass
class SlabBuilder:
    """Takes weights one by one in the order of first use, gives away chunks as they fill.

    Holds one chunk and the waiting small weights; never more, whatever the size of the model.

    Args:
        store: keeps the bytes of one chunk (they change after the call) and returns their digest.
    """

    store: Callable[[memoryview], str]
    _places: dict[str, SlabWeight | None] = field(default_factory=dict[str, SlabWeight | None])
    _waiting: list[tuple[WeightData, memoryview]] = field(default_factory=list[tuple[WeightData, memoryview]])
    _chunks: list[str] = field(default_factory=list[str])
    _buffer: bytearray = field(default_factory=lambda: bytearray(CHUNK_SIZE))
    _length: int = 0

    def add(self, weight: WeightData) -> None:
        """Places the weight, or keeps it until the small ones fill a group.

        Raises:
            ArtifactError: a key that is already there, or data that does not match dtype and shape.
        """
        if weight.key in self._places:
            raise ArtifactError(
                f"weight {weight.key!r} occurs twice in one slab", hint="weights of one slab have names of their own"
            )
        self._places[weight.key] = None
        data = weight.view()
        if len(data) >= GATHER:
            self._align(PAGE_SIZE)
            self._place(weight, data)
            return
        self._waiting.append((weight, data))
        if sum(len(small) for _, small in self._waiting) >= GATHER:
            self._flush()

    def finish(self) -> Slab:
        """Closes the last chunk at a whole page and describes the slab; weights in the order they were added."""
        self._flush()
        self._align(PAGE_SIZE)
        rest = self._length % CHUNK_SIZE
        if rest:
            self._chunks.append(self.store(memoryview(self._buffer)[:rest]))
        weights = tuple(place for place in self._places.values() if place)
        return Slab(length=self._length, alignment=PAGE_SIZE, chunks=tuple(self._chunks), weights=weights)

    def _flush(self) -> None:
        self._align(PAGE_SIZE)
        for weight, data in self._waiting:
            self._align(ALIGNMENT)
            self._place(weight, data)
        self._waiting.clear()

    def _place(self, weight: WeightData, data: memoryview) -> None:
        self._places[weight.key] = SlabWeight(
            key=weight.key,
            digest=weight.digest,
            dtype=weight.dtype,
            shape=weight.shape,
            layout=weight.layout,
            offset=self._length,
            length=len(data),
            by_rows=weight.by_rows,
        )
        self._append(data)

    def _align(self, alignment: int) -> None:
        self._append(memoryview(bytes(-self._length % alignment)))

    def _append(self, data: memoryview) -> None:
        while data:
            start = self._length % CHUNK_SIZE
            taken = data[: CHUNK_SIZE - start]
            self._buffer[start : start + len(taken)] = taken
            self._length += len(taken)
            data = data[len(taken) :]
            if self._length % CHUNK_SIZE == 0:
                self._chunks.append(self.store(memoryview(self._buffer)))
