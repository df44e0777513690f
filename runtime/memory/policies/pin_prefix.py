"""Keep the beginning of every model."""

from infc.errors import UsageError

from ..access import Access, ChunkId
from .lru import LRU


class PinPrefix:
    """Evicts the least recently used chunk that is not among the first `steps` of its model.

    While a model computes on its beginning, the rest is loaded: what is kept is what nothing could hide. Where only
    beginnings are left, the least recently used of them goes, for the beginning of another model alone.

    Args:
        steps: how many chunks of each model are its beginning.
    """

    def __init__(self, *, steps: int = 8) -> None:
        if steps < 0:
            raise UsageError(f"pin-prefix: steps is {steps}, expected 0 or more")
        self._steps = steps
        self._first = LRU()
        self._rest = LRU()
        self._in_first: set[ChunkId] = set()

    def touched(self, access: Access) -> None:
        (self._first if access.chunk in self._in_first else self._rest).touched(access)

    def placed(self, access: Access) -> None:
        if access.step < self._steps:
            self._in_first.add(access.chunk)
            self._first.placed(access)
        else:
            self._rest.placed(access)

    def removed(self, chunk: ChunkId) -> None:
        if chunk in self._in_first:
            self._in_first.remove(chunk)
            self._first.removed(chunk)
        else:
            self._rest.removed(chunk)

    def victim(self, incoming: Access) -> ChunkId | None:
        chosen = self._rest.victim(incoming)
        if chosen is not None or incoming.step >= self._steps:
            return chosen
        return self._first.victim(incoming)
