"""What a tier is: where chunks live, how much fits, and how fast they come out of it."""

import re
from dataclasses import dataclass

from infc.errors import UsageError

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15,
          "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40, "PI": 2**50}  # fmt: skip
_SIZE = re.compile(r"(\d+(?:\.\d*)?)\s*([KMGTP]?I?)B?", re.IGNORECASE)
_TIME = re.compile(r"(\d+(?:\.\d*)?)(us|ms|s)", re.IGNORECASE)
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True, slots=True)
class Tier:
    """One level of memory. Chunks may be in several at once: weights are only read, so nothing is written back.

    Attributes:
        name: `device`, `dram`, `disk`, `store`, or what its owner calls it.
        capacity: bytes that fit; None where all of the fleet's models fit.
        bandwidth: bytes a second at which chunks are read out of it.
        latency: seconds before the first byte of a chunk arrives.
    """

    name: str
    capacity: int | None
    bandwidth: float
    latency: float = 0.0

    def __post_init__(self) -> None:
        if self.capacity is not None and self.capacity < 0:
            raise UsageError(f"tier {self.name!r} has a capacity of {self.capacity} bytes, expected 0 or more")
        if not 0 < self.bandwidth < float("inf"):
            raise UsageError(f"tier {self.name!r} has a bandwidth of {self.bandwidth} bytes a second, expected above 0")
        if not 0 <= self.latency < float("inf"):
            raise UsageError(f"tier {self.name!r} has a latency of {self.latency} s, expected 0 or more")

    def seconds(self, size: int) -> float:
        """How long it takes to read a chunk of `size` bytes out of this tier."""
        return self.latency + size / self.bandwidth


def parse_tier(text: str) -> Tier:
    """A tier from `NAME=CAPACITY:BANDWIDTH[:LATENCY]`, as in `dram=512GiB:25GB/s:5us` or `store=all:1GB/s:20ms`.

    Raises:
        UsageError: it does not read like that.
    """
    name, separator, rest = text.partition("=")
    parts = rest.split(":")
    if not name or not separator or len(parts) not in (2, 3) or not parts[1].lower().endswith("/s"):
        raise UsageError(
            f"tier {text!r}: expected NAME=CAPACITY:BANDWIDTH[:LATENCY]",
            hint="dram=512GiB:25GB/s:5us, for example; the capacity `all` means that every model fits",
        )
    capacity = None if parts[0] == "all" else parse_size(parts[0])
    latency = parse_seconds(parts[2]) if len(parts) == 3 else 0.0
    return Tier(name, capacity, parse_size(parts[1][:-2]), latency)


def parse_size(text: str) -> int:
    """Bytes from `435MB`, `2MiB`, `16 GiB` or `1000`.

    Raises:
        UsageError: it is no size.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None or (match[2].upper() == "I"):
        raise UsageError(f"{text!r} is no size", hint="435MB, 2MiB or 16GiB would be")
    return round(float(match[1]) * _UNITS[match[2].upper()])


def parse_seconds(text: str) -> float:
    """Seconds from `5us`, `1.5ms` or `2s`.

    Raises:
        UsageError: it is no time.
    """
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{text!r} is no time", hint="5us, 1.5ms or 2s would be")
    return float(match[1]) * _SECONDS[match[2].lower()]
