"""The default: between models what each byte is worth, within a model the order of its forward pass."""

from heapq import heapify, heappop, heappush

from ..access import Access, ChunkId, ModelId
from .ranked import Ranked


class _Model:
    """One model: how often it was called, and its resident chunks, the last of its pass first."""

    __slots__ = ("calls", "chunks", "count", "last_step", "rank")

    def __init__(self) -> None:
        self.calls = 0.0
        self.rank = 0.0
        self.last_step = -1
        self.count = 0  # of the chunks that are resident and this model's
        self.chunks: list[tuple[int, int, ChunkId]] = []  # a heap of (minus step, entry, chunk), stale ones among them


class Balanced:
    """GDSF between models, the forward pass's order within one.

    A model's rank is `age + calls * cost / size`, as in GDSF, once for each forward pass. The model of the lowest rank
    gives up its last chunk: chunks are touched in a circle, and of a model that waits for its next call the last one is
    used furthest in the future. So a model shrinks from its end, and what is left of it is what its next call needs
    first. A chunk that comes in for the lowest model of all is not kept, which is what Belady's policy does on a circle
    too; the age then rises to that model's rank, as it does for any that loses (the Landlord rule: Young, Algorithmica
    33, 2002), so that a model which is called again and again gets in.

    A chunk that several models share belongs to the one of the highest rank among those that touched it.
    """

    def __init__(self) -> None:
        self._age = 0.0
        self._models: dict[ModelId, _Model] = {}
        self._ranks: Ranked[ModelId] = Ranked()  # of the models that have something resident
        self._owners: dict[ChunkId, tuple[ModelId, int]] = {}  # of what is resident: the model, and the valid entry
        self._entries = 0

    def touched(self, access: Access) -> None:
        model = self._model(access)
        if access.step <= model.last_step or not model.calls:  # a forward pass begins
            model.calls += access.weight
            model.rank = self._age + model.calls * access.cost / max(access.size, 1)
            if model.count:
                self._ranks.set(access.model, model.rank)
        model.last_step = access.step
        owner = self._owners.get(access.chunk)
        if owner and owner[0] != access.model and self._models[owner[0]].rank < model.rank:
            self.removed(access.chunk)
            self.placed(access)

    def placed(self, access: Access) -> None:
        model = self._model(access)
        self._entries += 1
        self._owners[access.chunk] = (access.model, self._entries)
        heappush(model.chunks, (-access.step, self._entries, access.chunk))
        model.count += 1
        if model.count == 1:
            self._ranks.set(access.model, model.rank)

    def removed(self, chunk: ChunkId) -> None:
        name, _ = self._owners.pop(chunk)
        model = self._models[name]
        model.count -= 1
        if not model.count:
            self._ranks.remove(name)
            model.chunks.clear()
        elif len(model.chunks) > 64 + 4 * model.count:
            model.chunks = [entry for entry in model.chunks if self._valid(name, entry)]
            heapify(model.chunks)

    def victim(self, incoming: Access) -> ChunkId | None:
        lowest = self._ranks.lowest()
        if lowest is None:
            return None
        mine = self._models[incoming.model].rank
        if lowest == incoming.model or self._models[lowest].rank > mine:
            self._age = max(self._age, mine)
            return None
        model = self._models[lowest]
        self._age = max(self._age, model.rank)
        while not self._valid(lowest, model.chunks[0]):
            heappop(model.chunks)
        return model.chunks[0][2]

    def _model(self, access: Access) -> _Model:
        model = self._models.get(access.model)
        if model is None:
            model = self._models[access.model] = _Model()
        return model

    def _valid(self, name: ModelId, entry: tuple[int, int, ChunkId]) -> bool:
        return self._owners.get(entry[2]) == (name, entry[1])
