"""What a simulated fleet is made of, and where a call goes."""

from dataclasses import dataclass

from infc.errors import UsageError

from ..tier import Tier

_MIX = 0x9E3779B97F4A7C15  # 2**64 divided by the golden ratio: spreads numbers in a row evenly


@dataclass(frozen=True)
class Hardware:
    """A fleet of equal devices.

    Attributes:
        tiers: fastest first. The first is each device's own; the others are each host's, and the last holds everything.
        devices: of the whole fleet.
        devices_per_host: how many share a host's tiers.
        window: bytes that are loaded ahead of the computation, 0 for none.
        compute: seconds that a call computes at least. It takes longer where reading each weight once from the first
            tier does.
    """

    tiers: tuple[Tier, ...]
    devices: int = 1
    devices_per_host: int = 8
    window: int = 0
    compute: float = 0.0

    def __post_init__(self) -> None:
        if len(self.tiers) < 2 or self.tiers[-1].capacity is not None:
            raise UsageError(
                f"{len(self.tiers)} tiers, expected two or more, the last of which holds everything",
                hint="--tier device=24GiB:1TB/s --tier dram=256GiB:25GB/s --tier disk=all:2GB/s, for example",
            )
        if len({tier.name for tier in self.tiers}) < len(self.tiers):
            raise UsageError(
                f"two tiers have one name: {', '.join(tier.name for tier in self.tiers)}",
                hint="give every tier a name of its own",
            )
        if self.devices < 1 or self.devices_per_host < 1:
            raise UsageError(f"{self.devices} devices, {self.devices_per_host} on a host; expected 1 or more of each")
        if self.window < 0 or self.compute < 0:
            raise UsageError(f"a window of {self.window} bytes and {self.compute} s of computing; expected 0 or more")

    @property
    def hosts(self) -> int:
        return -(-self.devices // self.devices_per_host)

    def costs(self, size: int) -> list[float]:
        """For each tier but the last, the seconds that a chunk takes to come in from the tier below it."""
        return [tier.seconds(size) for tier in self.tiers[1:]]


class Router:
    """Which devices a call might go to: some that served the model before, its home, and a few others.

    A model that is called more often than its devices can answer spreads over others in this way; one that is called
    seldom stays where its weights are. Deterministic: nothing is drawn.
    """

    def __init__(self, devices: int) -> None:
        self._devices = devices
        self._served: dict[int, list[int]] = {}
        self._calls = 0

    def candidates(self, model: int) -> list[int]:
        """Devices to choose from, the likeliest first, none of them twice."""
        self._calls += 1
        served = self._served.get(model, [])
        turn = self._calls
        chosen = [served[(turn + each) % len(served)] for each in range(min(4, len(served)))]
        chosen += (self._hash(model + 1), self._hash(turn + (1 << 40)), self._hash(turn + (1 << 41)))
        return list(dict.fromkeys(chosen))

    def serves(self, model: int, device: int) -> None:
        """Remembers where the model was sent: the last 128 devices."""
        served = self._served.setdefault(model, [])
        if device not in served:
            served.append(device)
            del served[:-128]

    def _hash(self, number: int) -> int:
        return ((number * _MIX) & (2**64 - 1)) * self._devices >> 64
