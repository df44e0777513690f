"""Least frequently used."""

from ..access import Access, ChunkId
from .ranked import Ranked


class LFU:
    """Evicts what was touched least often since it came in; of equals, what was touched longest ago.

    Counts begin anew with each placement, and never decay: what was hot once stays long.
    """

    def __init__(self) -> None:
        self._counts: Ranked[ChunkId] = Ranked()

    def touched(self, access: Access) -> None:
        if access.chunk in self._counts:
            self._counts.set(access.chunk, self._counts.rank(access.chunk) + access.weight)

    def placed(self, access: Access) -> None:
        self._counts.set(access.chunk, access.weight)

    def removed(self, chunk: ChunkId) -> None:
        self._counts.remove(chunk)

    def victim(self, incoming: Access) -> ChunkId | None:
        return self._counts.lowest()
