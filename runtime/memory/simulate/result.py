"""What a simulation found."""

import msgspec


class TierResult(msgspec.Struct, frozen=True, kw_only=True):
    """One tier, all devices or hosts together.

    `touches` are chunks that were asked of it, `hits` those that it had; `read` are bytes that came out of it because
    the tiers above did not have them. The first tier is read by the computation itself, which is not counted.
    """

    name: str
    touches: int
    hits: int
    touched_bytes: int
    hit_bytes: int
    read: int
    evictions: int

    @property
    def hit_rate(self) -> float:
        """Hits of all touches; 0 where there were none."""
        return self.hits / self.touches if self.touches else 0.0


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One policy on one workload. Times in seconds, sizes in bytes.

    `reload` is what was brought into the devices; `stall` how long computations waited for weights, all devices
    together, and `queue` how long calls waited for their device. `latency` holds the quantiles 0.5, 0.95 and 0.99 of
    queue, stall and computing together. `warm` is the share of calls that did not wait for weights. `timeline` is the
    first tier's hit rate in equal parts of the trace; None for a part without calls.
    """

    policy: str
    calls: int
    seconds: float
    tiers: tuple[TierResult, ...]
    reload: int
    stall: float
    queue: float
    compute: float
    busy: float
    warm: float
    latency: tuple[float, float, float]
    stall_p99: float
    timeline: tuple[float | None, ...]
    wall: float
