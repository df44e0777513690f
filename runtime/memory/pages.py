"""A slab's pages in this process, wherever they come from."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Protocol

from ..artifact import Artifact, Blob
from .mapping import Mapping
from .room import room_for


class Pages(Protocol):
    """A range of memory that holds a slab, read-only. It stays until `close` was called and the last view is gone."""

    @property
    def address(self) -> int:
        """Where it begins."""
        ...

    @property
    def length(self) -> int:
        """Bytes of it."""
        ...

    def view(self) -> memoryview:
        """All bytes, not copied."""
        ...

    def release(self, offset: int, length: int) -> None:
        """Takes a part out of this process's page tables; it comes back when it is touched."""
        ...

    def close(self) -> None:
        """Lets the pages go when nothing uses them any more."""
        ...


# The chunks of one slab of an artifact, in their order, to its pages.
MapSlab = Callable[[Artifact, Sequence[str]], Pages]


def map_files(artifact: Artifact, digests: Sequence[str]) -> Mapping:
    """Blobs one after the other in memory, mapped from where they lie.

    Raises:
        ArtifactError: one is missing or cannot be mapped, or this process has no room for so many mappings.
    """
    return map_blobs(artifact, [artifact.blob(digest) for digest in digests])


def map_blobs(artifact: Artifact, blobs: Sequence[Blob]) -> Mapping:
    """As `map_files`, for blobs whose places are known already."""
    room_for(len(blobs), str(artifact.path))
    mapping = Mapping(sum(blob.length for blob in blobs), where=str(artifact.path))
    for _, group in groupby(blobs, key=lambda blob: str(blob.path)):  # one in a tar, one for each blob in a directory
        together = list(group)
        with artifact.descriptor(together[0]) as fd:
            mapping.append(fd, *((blob.offset, blob.length) for blob in together))
    return mapping
