"""A slab in an arena, as one process maps it: what is not there waits for the pager."""

import ctypes
import os
import weakref
from collections.abc import Sequence
from itertools import groupby

from infc.errors import ArtifactError

from ..artifact import CHUNK_SIZE
from . import kernel
from .mapping import place, reserve, unmap
from .room import room_for


class ArenaMapping:
    """Slots of an arena one after the other in memory, read-only, beginning at a multiple of 2 MiB.

    Like a `Mapping` of files: the pages stay mapped until `close` was called and the last `view` is gone.

    Args:
        arena: the arena's descriptor, for reading and writing; not needed any more afterwards.
        slots: one for each chunk of the slab, in the slab's order.
        length: bytes of the slab.
        where: what errors name.
        sealed: nobody in this process may map it otherwise until the process ends.

    Attributes:
        faults: the descriptor on which the pager has to wait, before anything is touched; closed with the pages.
        address: where the range begins.

    Raises:
        ArtifactError: there is no room for it.
        InfcError: this process may not have its faults served.
    """

    def __init__(self, arena: int, slots: Sequence[int], length: int, *, where: str, sealed: bool = False) -> None:
        self.length = length
        runs = _runs(slots)
        room_for(len(runs), where)
        size = len(slots) * CHUNK_SIZE
        base = reserve(size + CHUNK_SIZE, where)
        self.address = -(-base // CHUNK_SIZE) * CHUNK_SIZE
        self._bytes: ctypes.Array[ctypes.c_ubyte] | None = (ctypes.c_ubyte * length).from_address(self.address)
        weakref.finalize(self._bytes, unmap, base, size + CHUNK_SIZE).atexit = False
        self.faults = kernel.new_faults()
        # It lives as long as the pages: without it, what is not there would read as zeros.
        weakref.finalize(self._bytes, os.close, self.faults).atexit = False
        at = self.address
        for run in runs:
            place(at, len(run) * CHUNK_SIZE, arena, run[0] * CHUNK_SIZE, where)
            at += len(run) * CHUNK_SIZE
        if not size:
            return
        try:
            kernel.trap(self.faults, self.address, size)
        except OSError as error:
            raise ArtifactError(
                f"{where}: cannot be mapped from an arena: {error.strerror}", hint="--backend files maps its files"
            ) from error
        if sealed:
            kernel.seal(self.address, size)

    def view(self) -> memoryview:
        """All bytes, read-only, not copied.

        Raises:
            ValueError: the mapping is closed.
        """
        if self._bytes is None:
            raise ValueError("the mapping is closed")
        return memoryview(self._bytes).cast("B").toreadonly()

    def release(self, offset: int, length: int) -> None:
        """Nothing: what leaves an arena leaves all page tables with it."""

    def close(self) -> None:
        """Lets the pages go when nothing uses them any more. May be called twice."""
        self._bytes = None


def _runs(slots: Sequence[int]) -> list[list[int]]:
    """Slots that follow each other are mapped at once."""
    pairs = groupby(enumerate(slots), key=lambda pair: pair[1] - pair[0])
    return [[slot for _, slot in run] for _, run in pairs]
