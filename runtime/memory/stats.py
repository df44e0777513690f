"""What happened to the weights of a host's models: counted as it happens, read as one snapshot."""

from dataclasses import dataclass

import msgspec


class ModelStats(msgspec.Struct):
    """One model's share of a tier.

    Attributes:
        calls: how often it was called.
        hits: chunks that were there when a call wanted them.
        misses: chunks that had to be brought in.
        brought: bytes of those.
        waited: seconds that calls waited for them.
        size: bytes of its weights.
        resident: bytes of them that are in the tier now.
        last: when it was called last, on the clock of the migrator; -1 before the first call.
    """

    calls: int = 0
    hits: int = 0
    misses: int = 0
    brought: int = 0
    waited: float = 0.0
    size: int = 0
    resident: int = 0
    last: float = -1.0


class Snapshot(msgspec.Struct, frozen=True):
    """A tier at one moment.

    Attributes:
        tier: its name.
        capacity: bytes that may be kept in it; None for all.
        used: bytes that are kept.
        policy: what decides.
        promoted: bytes that came in since the start, in `promotions` chunks.
        demoted: bytes that left since the start, in `demotions` chunks.
        damaged: chunks whose digest was wrong.
        bandwidth: bytes a second at which chunks came in lately.
        models: by name.
    """

    tier: str
    capacity: int | None
    used: int
    policy: str
    promotions: int
    promoted: int
    demotions: int
    demoted: int
    damaged: int
    bandwidth: float
    models: dict[str, ModelStats]


@dataclass
class Moves:
    """Chunks and bytes that went one way."""

    count: int = 0
    size: int = 0

    def add(self, size: int) -> None:
        self.count += 1
        self.size += size
