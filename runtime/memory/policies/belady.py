"""What the best policy would do that knows the future. Belady, IBM Systems Journal 5 (2), 1966."""

from collections.abc import Sequence

from infc.errors import InfcError

from ..access import Access, ChunkId
from .ranked import Ranked

_NEVER = float("inf")


class TraceBelady:
    """Evicts what is used again furthest in the future, and keeps out what is used later than all that is there.

    With the bypass it is optimal where all chunks have one size and one cost. Where chunks are touched in a circle, the
    order of one pass is all that needs to be known: `cyclic`.

    Args:
        cyclic: what is foreseen repeats for ever.
    """

    def __init__(self, *, cyclic: bool = False) -> None:
        self._cyclic = cyclic
        self._chunks: Sequence[ChunkId] = ()
        self._next: list[float] = []  # for each place in the trace, where its chunk is used next
        self._at = -1
        self._uses: dict[ChunkId, float] = {}  # where each chunk that was touched is used next
        self._ranks: Ranked[ChunkId] = Ranked()  # of what is resident: minus where it is used next

    def foresee(self, chunks: Sequence[ChunkId]) -> None:
        """All accesses to come, in their order; with `cyclic` one round of them."""
        self._chunks = chunks
        self._next = [_NEVER] * len(chunks)
        seen: dict[ChunkId, int] = {}
        if self._cyclic:
            for place in reversed(range(len(chunks))):
                seen[chunks[place]] = place + len(chunks)
        for place in reversed(range(len(chunks))):
            self._next[place] = seen.get(chunks[place], _NEVER)
            seen[chunks[place]] = place

    def touched(self, access: Access) -> None:
        """Takes one step on the trace.

        Raises:
            InfcError: the access is not the next one of the trace that was foreseen.
        """
        self._at += 1
        lap, place = divmod(self._at, len(self._chunks)) if self._cyclic and self._chunks else (0, self._at)
        if place >= len(self._chunks) or self._chunks[place] != access.chunk:
            foreseen = repr(self._chunks[place]) if place < len(self._chunks) else "the end"
            raise InfcError(
                f"trace-belady: access {self._at} is to {access.chunk!r}, foreseen was {foreseen}",
                hint="this policy works in a simulation, which tells it the trace before it begins",
            )
        self._uses[access.chunk] = lap * len(self._chunks) + self._next[place]
        if access.chunk in self._ranks:
            self._ranks.set(access.chunk, -self._uses[access.chunk])

    def placed(self, access: Access) -> None:
        # What is filled in ahead of its use was not touched yet: it is used soon.
        self._ranks.set(access.chunk, -self._uses.get(access.chunk, self._at + 1))

    def removed(self, chunk: ChunkId) -> None:
        self._ranks.remove(chunk)

    def victim(self, incoming: Access) -> ChunkId | None:
        furthest = self._ranks.lowest()
        if furthest is None or -self._ranks.rank(furthest) <= self._uses[incoming.chunk]:
            return None
        return furthest
