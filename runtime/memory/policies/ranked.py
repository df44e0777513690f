"""A set that gives back its lowest member, where ranks change with every touch: a heap with stale entries."""

from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

Member = TypeVar("Member")


class Ranked(Generic[Member]):
    """Members with a rank each. Of equal ranks the one that was ranked first is lowest.

    An entry whose rank was changed stays in the heap until it comes up; when most are stale the heap is made anew.
    """

    def __init__(self) -> None:
        self._ranks: dict[Member, tuple[float, int]] = {}
        self._heap: list[tuple[float, int, Member]] = []
        self._count = 0

    def __contains__(self, member: Member) -> bool:
        return member in self._ranks

    def __len__(self) -> int:
        return len(self._ranks)

    def set(self, member: Member, rank: float) -> None:
        """Adds a member, or changes its rank."""
        self._count += 1
        self._ranks[member] = (rank, self._count)
        heappush(self._heap, (rank, self._count, member))
        if len(self._heap) > 64 + 4 * len(self._ranks):
            self._heap = [(rank, count, each) for each, (rank, count) in self._ranks.items()]
            heapify(self._heap)

    def remove(self, member: Member) -> None:
        """Takes a member out, which must be there."""
        del self._ranks[member]

    def rank(self, member: Member) -> float:
        """The rank of a member, which must be there."""
        return self._ranks[member][0]

    def lowest(self) -> Member | None:
        """The member of the lowest rank, which stays; None when there is none."""
        while self._heap:
            _, count, member = self._heap[0]
            if member in self._ranks and self._ranks[member][1] == count:
                return member
            heappop(self._heap)
        return None
