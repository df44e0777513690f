"""When weights must be fetched: a pure function over the order in which a program needs them."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True)
class Need:
    """A weight of `size` bytes, read by the steps `first` to `last`."""

    key: str
    size: int
    first: int
    last: int


@dataclass(frozen=True)
class Fetch:
    """The fetch of `need` may begin before step `start`, and must have ended before step `need.first`."""

    need: Need
    start: int


@dataclass(frozen=True)
class Schedule:
    """The fetches in their order, and the seconds for which the program has to wait for some of them, cold."""

    fetches: tuple[Fetch, ...]
    stalled: float


def schedule(needs: Sequence[Need], seconds: Sequence[float], bandwidth: float) -> Schedule:
    """As late as possible, so that as little as possible lies there unused, and early enough that nothing waits.

    `seconds` is what each step of the program takes, `bandwidth` the bytes a second of the one channel through which
    the weights come, one after the other. What is read first is fetched first. A weight for which there is not enough
    time, as for those of the first steps, is fetched from the beginning.
    """
    begins = [0.0, *accumulate(seconds)]
    ordered = sorted(needs, key=lambda need: need.first)  # stable: an operation's weights in the order it reads them
    starts: list[int] = []
    latest = float("inf")
    for need in reversed(ordered):
        latest = min(latest, begins[need.first]) - need.size / bandwidth
        starts.append(max(bisect_right(begins, latest, 0, need.first + 1) - 1, 0))
    fetches = tuple(Fetch(need, start) for need, start in zip(ordered, reversed(starts), strict=True))
    return Schedule(fetches, _stalled(fetches, begins, bandwidth))


def _stalled(fetches: Sequence[Fetch], begins: Sequence[float], bandwidth: float) -> float:
    """The seconds by which the program is behind at the end: a fetch begins when its step does, or later."""
    free = behind = 0.0
    for fetch in fetches:
        free = max(free, begins[fetch.start] + behind) + fetch.need.size / bandwidth
        behind = max(behind, free - begins[fetch.need.first])
    return behind
