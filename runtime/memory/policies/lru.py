"""Least recently used."""

from collections import OrderedDict

from ..access import Access, ChunkId


class LRU:
    """Evicts what was touched longest ago. On a scan in a circle that is larger than the tier it never hits."""

    def __init__(self) -> None:
        self._order: OrderedDict[ChunkId, None] = OrderedDict()

    def touched(self, access: Access) -> None:
        if access.chunk in self._order:
            self._order.move_to_end(access.chunk)

    def placed(self, access: Access) -> None:
        self._order[access.chunk] = None

    def removed(self, chunk: ChunkId) -> None:
        del self._order[chunk]

    def victim(self, incoming: Access) -> ChunkId | None:
        return next(iter(self._order), None)
