"""Which executor a call goes to, and when: calls wait in one line, first come, first served."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Place = TypeVar("Place")


@dataclass(eq=False, frozen=True)
class Seat(Generic[Place]):
    """A call's right to run in an executor, among `depth` calls at most: 1 is alone."""

    place: Place
    depth: int


class Seats(Generic[Place]):
    """Who runs where. All methods belong to one event loop.

    A call of depth 1 has its executor for itself. One of a model in stages shares it with others of that kind, up to
    the smallest depth among them. The first in line is the next, so that a call that needs an executor for itself does
    not wait for ever behind those that share one.
    """

    def __init__(self, places: Sequence[Place]) -> None:
        self._idle = list(places)  # the one that was used last is the next
        self._busy: list[list[Seat[Place]]] = []
        self._line: deque[tuple[int, asyncio.Future[Seat[Place]]]] = deque()

    @property
    def waiting(self) -> int:
        """How many are in line."""
        return len(self._line)

    def full(self, depth: int) -> bool:
        """Whether a call of this depth would have to wait."""
        return bool(self._line) or not (self._idle or self._shared(depth))

    async def take(self, depth: int, *, first: bool = False) -> Seat[Place]:
        """A seat, to be given back; with `first` the caller goes to the head of the line."""
        if not self.full(depth):
            return self._sit(depth)
        waiting = depth, asyncio.get_running_loop().create_future()
        self._line.insert(0 if first else len(self._line), waiting)
        try:
            return await waiting[1]
        except asyncio.CancelledError:
            if waiting in self._line:
                self._line.remove(waiting)
                self._next()
            elif not waiting[1].cancelled():  # both at once: it had got a seat
                self.give(waiting[1].result())
            raise

    def give(self, seat: Seat[Place]) -> None:
        """The call has left its executor."""
        together = next(each for each in self._busy if seat in each)
        together.remove(seat)
        if not together:
            self._busy.remove(together)
            self._idle.append(seat.place)
        self._next()

    def _next(self) -> None:
        while self._line and (self._idle or self._shared(self._line[0][0])):
            depth, waiting = self._line.popleft()
            if not waiting.done():  # cancelled, and not told yet
                waiting.set_result(self._sit(depth))

    def _sit(self, depth: int) -> Seat[Place]:
        together = [] if self._idle else self._shared(depth)
        if self._idle:
            self._busy.append(together)
        seat = Seat(self._idle.pop() if self._idle else together[0].place, depth)
        together.append(seat)
        return seat

    def _shared(self, depth: int) -> list[Seat[Place]]:
        """Of the executors that would take one more beside others, the calls in that with the fewest; or none."""
        room = [each for each in self._busy if len(each) < min(depth, *(seat.depth for seat in each))]
        return min(room, key=len, default=[])
