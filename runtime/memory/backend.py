"""What moves bytes: the interface of the backends, and the one that needs no privilege."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

from infc.errors import InfcError

from ..artifact import CHUNK_SIZE, Artifact, Blob
from . import kernel
from .mapping import Mapping

_PIECE = 1 << 20  # bytes read at a time


class Backend(Protocol):
    """Moves the chunks of one slab between disk and DRAM, under a model that computes on them.

    None of it changes a byte that the model reads; what is not resident is only slower to touch.
    """

    def promote(self, chunk: str) -> None:
        """Brings a chunk into DRAM; returns when it is there."""
        ...

    def demote(self, chunk: str) -> None:
        """Lets a chunk leave DRAM. It may stay where another process uses it."""
        ...

    def pin(self, chunk: str) -> None:
        """Brings a chunk into DRAM and keeps it there until `unpin`."""
        ...

    def unpin(self, chunk: str) -> None:
        """Undoes `pin`."""
        ...

    def resident(self, chunk: str) -> int | None:
        """Bytes of the chunk that are in DRAM; None where the kernel does not say."""
        ...

    def close(self) -> None:
        """Gives back what it holds. The mapping stays as it is."""
        ...


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a chunk lies in its file, and everywhere in the mapping where it is mapped."""

    fd: int
    blob: Blob
    addresses: tuple[int, ...]


class FileBacked:
    """Mapped files, with the page cache as the DRAM tier. Needs no privilege; `pin` is bounded by `ulimit -l`.

    Args:
        artifact: what the chunks are part of; may be closed afterwards.
        chunks: the slab's chunks in their order.
        mapping: the slab as it is mapped.

    Raises:
        ArtifactError: a chunk is missing.
    """

    def __init__(self, artifact: Artifact, chunks: Sequence[str], mapping: Mapping) -> None:
        addresses: dict[str, list[int]] = {}
        for number, chunk in enumerate(chunks):
            addresses.setdefault(chunk, []).append(mapping.address + number * CHUNK_SIZE)
        self._pages = mapping.view()  # as long as this lives, the pages stay mapped
        self._files: dict[str, int] = {}
        self._places: dict[str, _Place] = {}
        self._buffer = memoryview(bytearray(_PIECE))
        self._reading = Lock()
        for chunk, places in addresses.items():
            blob = artifact.blob(chunk)
            if str(blob.path) not in self._files:
                with artifact.descriptor(blob) as fd:
                    self._files[str(blob.path)] = os.dup(fd)
            self._places[chunk] = _Place(self._files[str(blob.path)], blob, tuple(places))

    def promote(self, chunk: str) -> None:
        place = self._place(chunk)
        end = place.blob.offset + place.blob.length
        with self._reading:
            for at in range(place.blob.offset, end, _PIECE):
                os.preadv(place.fd, [self._buffer[: min(_PIECE, end - at)]], at)

    def demote(self, chunk: str) -> None:
        place = self._place(chunk)
        for address in place.addresses:
            kernel.forget(address, place.blob.length)
        kernel.drop(place.fd, place.blob.offset, place.blob.length)

    def pin(self, chunk: str) -> None:
        place = self._place(chunk)
        kernel.lock(place.addresses[0], place.blob.length)

    def unpin(self, chunk: str) -> None:
        place = self._place(chunk)
        kernel.unlock(place.addresses[0], place.blob.length)

    def resident(self, chunk: str) -> int | None:
        place = self._place(chunk)
        return kernel.cached(place.fd, place.blob.offset, place.blob.length)

    def close(self) -> None:
        for fd in self._files.values():
            os.close(fd)
        self._files.clear()
        self._places.clear()
        self._pages = memoryview(b"")

    def _place(self, chunk: str) -> _Place:
        place = self._places.get(chunk)
        if place is None:
            raise InfcError(
                f"chunk {chunk} is not one of this backend's {len(self._places)}, or it is closed",
                hint="chunks are numbered from 0, until the backend is closed",
            )
        return place
