"""What is in a tier now: the bookkeeping that no policy can get wrong."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from infc.errors import InfcError

from .access import Access, ChunkId
from .policies.protocol import Policy


class Change(NamedTuple):
    """What one access did to a tier.

    Attributes:
        hit: the chunk was there.
        resident: it is there now. A miss that is not is a bypass: the chunk is used and not kept.
        evicted: what had to leave for it.
    """

    hit: bool
    resident: bool
    evicted: tuple[ChunkId, ...] = ()


HIT = Change(True, True)
PLACED = Change(False, True)
BYPASSED = Change(False, False)


class Residency:
    """The content of one tier. The policy says what leaves; that nothing pinned leaves, and that the capacity holds,
    is seen to here.

    It moves no byte and knows no clock: a migrator or a simulator acts on what `touch` returns. Not thread-safe.

    Args:
        capacity: bytes that fit; None for all.
        policy: decides what leaves. One policy object belongs to one tier.
    """

    def __init__(self, capacity: int | None, policy: Policy) -> None:
        self.capacity = capacity
        self.used = 0
        self.removals = 0  # chunks that left since the beginning: while it stays, what was there still is
        self._policy = policy
        self._sizes: dict[ChunkId, int] = {}
        self._pins: Counter[ChunkId] = Counter()
        self._last: dict[ChunkId, Access] = {}  # of what is pinned: how the policy gets it back

    def __contains__(self, chunk: ChunkId) -> bool:
        return chunk in self._sizes

    def __len__(self) -> int:
        return len(self._sizes)

    @property
    def free(self) -> int | None:
        """Bytes that can be filled without evicting anything; None where everything fits."""
        return None if self.capacity is None else self.capacity - self.used

    def missing(self, accesses: Iterable[Access]) -> list[Access]:
        """Those whose chunk is not there."""
        sizes = self._sizes
        return [access for access in accesses if access.chunk not in sizes]

    def touch(self, access: Access) -> Change:
        """Tells the policy of an access, and makes the chunk resident if the policy makes room for it.

        Raises:
            InfcError: the policy named a victim that is not there or is pinned.
        """
        chunk = access.chunk
        policy = self._policy
        if chunk in self._sizes:
            policy.touched(access)
            if chunk in self._pins:
                self._last[chunk] = access
            return HIT
        policy.touched(access)
        if self.capacity is None or self.used + access.size <= self.capacity:
            self._place(access)
            return PLACED
        if access.size > self.capacity:
            return BYPASSED
        evicted: list[ChunkId] = []
        while self.used + access.size > self.capacity:
            victim = policy.victim(access)
            if victim is None:
                return Change(False, False, tuple(evicted)) if evicted else BYPASSED
            if victim not in self._sizes or victim in self._pins:
                state = "pinned" if victim in self._pins else "not in the tier"
                raise InfcError(
                    f"policy {type(policy).__name__} evicts {victim!r}, which is {state}",
                    hint="`victim` may only return a chunk that was placed and not removed since",
                )
            self.remove(victim)
            evicted.append(victim)
        self._place(access)
        return Change(False, True, tuple(evicted))

    def fill(self, access: Access) -> bool:
        """Makes a chunk resident ahead of its use if there is free room, evicting nothing. Whether it is there now."""
        if access.chunk in self._sizes:
            return True
        if self.capacity is not None and self.used + access.size > self.capacity:
            return False
        self._place(access)
        return True

    def remove(self, chunk: ChunkId) -> None:
        """Takes a chunk out: evicted, failed to load, or found damaged.

        Raises:
            InfcError: it is pinned or not there.
        """
        if chunk not in self._sizes or chunk in self._pins:
            raise InfcError(
                f"chunk {chunk!r} is {'pinned' if chunk in self._pins else 'not in the tier'}",
                hint="policies name chunks of the tier that are not pinned",
            )
        self.used -= self._sizes.pop(chunk)
        self.removals += 1
        self._policy.removed(chunk)

    def pin(self, access: Access) -> bool:
        """Keeps a chunk from leaving until as many `unpin`. The policy does not see pinned chunks.

        False where it is not resident and the policy makes no room for it.
        """
        chunk = access.chunk
        if chunk in self._pins:
            self._pins[chunk] += 1
            return True
        if chunk not in self._sizes and not self.touch(access).resident:
            return False
        self._pins[chunk] = 1
        self._last[chunk] = access
        self._policy.removed(chunk)
        return True

    def unpin(self, chunk: ChunkId) -> None:
        """Undoes one `pin`.

        Raises:
            InfcError: it is not pinned.
        """
        if chunk not in self._pins:
            raise InfcError(f"chunk {chunk!r} is not pinned", hint="every unpin follows a pin")
        self._pins[chunk] -= 1
        if not self._pins[chunk]:
            del self._pins[chunk]
            self._policy.placed(self._last.pop(chunk))

    def _place(self, access: Access) -> None:
        self._sizes[access.chunk] = access.size
        self.used += access.size
        self._policy.placed(access)
