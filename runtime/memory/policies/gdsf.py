"""Greedy-Dual-Size-Frequency: Cherkasova, HP Laboratories report HPL-98-69R1, 1998."""

from ..access import Access, ChunkId
from .ranked import Ranked


class GDSF:
    """Evicts the lowest `age + count * cost / size`: seldom touched, cheap to bring back, large.

    The age is the rank of the last victim, so that what is not touched any more falls behind whatever its count was.
    Counts begin anew with each placement. Knows chunks only; `Balanced` knows that chunks belong to models.
    """

    def __init__(self) -> None:
        self._age = 0.0
        self._ranks: Ranked[ChunkId] = Ranked()
        self._counts: dict[ChunkId, float] = {}

    def touched(self, access: Access) -> None:
        if access.chunk in self._ranks:
            self._count(access)

    def placed(self, access: Access) -> None:
        self._count(access)

    def removed(self, chunk: ChunkId) -> None:
        self._ranks.remove(chunk)
        del self._counts[chunk]

    def victim(self, incoming: Access) -> ChunkId | None:
        lowest = self._ranks.lowest()
        if lowest is not None:
            self._age = self._ranks.rank(lowest)
        return lowest

    def _count(self, access: Access) -> None:
        count = self._counts.get(access.chunk, 0.0) + access.weight
        self._counts[access.chunk] = count
        self._ranks.set(access.chunk, self._age + count * access.cost / max(access.size, 1))
