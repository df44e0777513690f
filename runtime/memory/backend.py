"""What moves bytes: the interface of the backends, and the one that needs no privilege."""

import os
from collections.abc import Generator, Sequence
from typing import Protocol

from infc.errors import ArtifactError, InfcError

from ..artifact import CHUNK_SIZE, Artifact, Blob
from ..artifact.layout import FETCH_AGAIN
from . import kernel
from .mapping import Mapping

_PIECE = 1 << 20  # bytes read at a time


class Backend(Protocol):
    """Moves the chunks of one slab between disk and DRAM, under a model that computes on them.

    None of it changes a byte that the model reads; what is not resident is only slower to touch.
    """

    @property
    def together(self) -> int:
        """How many chunks are best promoted by one `promote_all`."""
        ...

    def promote(self, chunk: str) -> None:
        """Brings a chunk into DRAM; returns when it is there."""
        ...

    def promote_all(self, chunks: Sequence[str]) -> dict[str, InfcError | OSError]:
        """Brings chunks into DRAM; returns when all are there but those that it says why they are not."""
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


class FileBacked:
    """Files, with the page cache as the DRAM tier. Needs no privilege; `pin` is bounded by `ulimit -l`.

    Safe for threads.

    Args:
        artifact: what the chunks are part of. It stays open as long as this is used, and belongs to the caller.
        chunks: the slab's chunks in their order.
        mapping: the slab as this process has it mapped. Without one, only other processes compute on it: `demote` frees
            what they do not have mapped any more, and nothing can be pinned.

    Raises:
        ArtifactError: a chunk is missing.
    """

    def __init__(self, artifact: Artifact, chunks: Sequence[str], mapping: Mapping | None = None) -> None:
        self._artifact = artifact
        self._blobs = {chunk: artifact.blob(chunk) for chunk in chunks}
        self._addresses: dict[str, list[int]] = {chunk: [] for chunk in chunks}
        self._pages = memoryview(b"")
        if mapping is not None:
            for number, chunk in enumerate(chunks):
                self._addresses[chunk].append(mapping.address + number * CHUNK_SIZE)
            self._pages = mapping.view()  # as long as this lives, the pages stay mapped

    together = 1  # one thread reads one chunk: it takes several to get a disk's bandwidth

    def promote(self, chunk: str) -> None:
        for _ in self.read(chunk):
            pass

    def promote_all(self, chunks: Sequence[str]) -> dict[str, InfcError | OSError]:
        failed: dict[str, InfcError | OSError] = {}
        for chunk in chunks:
            try:
                self.promote(chunk)
            except (InfcError, OSError) as error:
                failed[chunk] = error
        return failed

    def read(self, chunk: str) -> Generator[memoryview, None, None]:
        """The chunk's bytes, a piece at a time, valid until the next one; all of it is in DRAM afterwards.

        Raises:
            InfcError: the file ends before the chunk does.
            OSError: the disk refuses.
        """
        blob = self._blob(chunk)
        buffer = memoryview(bytearray(min(_PIECE, blob.length)))
        at, end = blob.offset, blob.offset + blob.length
        with self._artifact.descriptor(blob) as fd:
            while at < end:
                length = os.preadv(fd, [buffer[: min(_PIECE, end - at)]], at)
                if not length:
                    raise ArtifactError(f"{blob.path} ends inside chunk {chunk}", hint=FETCH_AGAIN)
                at += length
                yield buffer[:length]

    def demote(self, chunk: str) -> None:
        blob = self._blob(chunk)
        for address in self._addresses[chunk]:
            kernel.forget(address, blob.length)
        with self._artifact.descriptor(blob) as fd:
            kernel.drop(fd, blob.offset, blob.length)

    def pin(self, chunk: str) -> None:
        blob = self._blob(chunk)
        kernel.lock(self._address(chunk), blob.length)

    def unpin(self, chunk: str) -> None:
        blob = self._blob(chunk)
        kernel.unlock(self._address(chunk), blob.length)

    def resident(self, chunk: str) -> int | None:
        blob = self._blob(chunk)
        with self._artifact.descriptor(blob) as fd:
            return kernel.cached(fd, blob.offset, blob.length)

    def close(self) -> None:
        self._blobs.clear()
        self._pages = memoryview(b"")

    def _blob(self, chunk: str) -> Blob:
        blob = self._blobs.get(chunk)
        if blob is None:
            raise InfcError(
                f"chunk {chunk} is not one of this backend's {len(self._blobs)}, or it is closed",
                hint="`infc inspect --json` lists the chunks of an artifact",
            )
        return blob

    def _address(self, chunk: str) -> int:
        if not self._addresses[chunk]:
            raise InfcError(f"chunk {chunk} is not mapped in this process", hint="pin it where it is mapped")
        return self._addresses[chunk][0]
