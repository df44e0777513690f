"""The backend of one slab in a paged arena: its chunks are where the pager puts them."""

from collections import Counter
from collections.abc import Sequence
from threading import Lock

from infc.errors import InfcError

from ..artifact import Artifact
from .paged import PagedArena, not_brought


class ArenaBacked:
    """Chunks in a paged arena. Safe for threads.

    Args:
        paged: the arena of this host.
        artifact: what the chunks are part of. It stays open as long as this is used, and belongs to the caller.
        chunks: the slab's chunks in their order.

    Raises:
        ArtifactError: a chunk is missing.
    """

    def __init__(self, paged: PagedArena, artifact: Artifact, chunks: Sequence[str]) -> None:
        self._paged = paged
        self._sizes = {chunk: artifact.blob(chunk).length for chunk in chunks}
        self._slots = dict(zip(chunks, paged.slots(artifact, chunks), strict=True))
        self._pins: Counter[str] = Counter()
        self._pinning = Lock()

    together = 64  # a message to the pager each time, which has threads of its own

    def promote(self, chunk: str) -> None:
        self._paged.fill([self._slot(chunk)])

    def promote_all(self, chunks: Sequence[str]) -> dict[str, InfcError | OSError]:
        slots = {self._slot(chunk): chunk for chunk in chunks}
        failed = self._paged.bring(tuple(slots))
        return {slots[slot]: not_brought((why,)) for slot, why in failed.items()}

    def demote(self, chunk: str) -> None:
        slot = self._slot(chunk)
        with self._pinning:
            if self._pins[chunk]:
                raise InfcError(f"cannot unmap chunk {chunk}: it is pinned", hint="every unpin follows a pin")
            self._paged.empty([slot])

    def pin(self, chunk: str) -> None:
        slot = self._slot(chunk)
        with self._pinning:
            self._pins[chunk] += 1
            self._paged.fill([slot])

    def unpin(self, chunk: str) -> None:
        self._slot(chunk)
        with self._pinning:
            self._pins[chunk] = max(0, self._pins[chunk] - 1)

    def resident(self, chunk: str) -> int | None:
        return min(self._paged.arena.filled(self._slot(chunk)), self._sizes[chunk])

    def close(self) -> None:
        self._slots.clear()

    def _slot(self, chunk: str) -> int:
        slot = self._slots.get(chunk)
        if slot is None:
            raise InfcError(
                f"chunk {chunk} is not one of this backend's {len(self._slots)}, or it is closed",
                hint="`infc inspect --json` lists the chunks of an artifact",
            )
        return slot
