"""What a policy is."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from ..access import Access, ChunkId


class Policy(Protocol):
    """Decides what leaves a full tier. One object serves one tier; the same object runs in a pool and in a simulation.

    It is pure: it does no I/O, asks no clock and draws no random numbers, so that the same calls give the same
    decisions. The tier calls `touched` for every access; then, for a miss that does not fit, `victim` until it fits
    (each followed by `removed`), and `placed`. Pinned chunks are removed from its view, and placed again afterwards.
    """

    def touched(self, access: Access) -> None:
        """An access happened, to a chunk that may or may not be resident."""
        ...

    def placed(self, access: Access) -> None:
        """The chunk is resident from now on, and may be chosen as a victim."""
        ...

    def removed(self, chunk: ChunkId) -> None:
        """The chunk may not be chosen any more. It was placed before."""
        ...

    def victim(self, incoming: Access) -> ChunkId | None:
        """What leaves to make room for `incoming`, which was touched just before; None: `incoming` is not worth it, and
        is used without being kept. The tier removes what is returned.
        """
        ...


@runtime_checkable
class Foresight(Protocol):
    """A policy that needs to know the future, which a simulator can tell it and a pool cannot."""

    def foresee(self, chunks: Sequence[ChunkId]) -> None:
        """All accesses to come, in their order; called once, before the first."""
        ...
