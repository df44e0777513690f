"""The devices that a model is cut for, as the options of `infer-partition` describe them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ..partitioning import Device
from ..partitioning.graph import DEFAULT_BANDWIDTH, DEFAULT_FLOPS, DEFAULT_LINK
from ..sizes import parse_size

T = TypeVar("T")


@dataclass(frozen=True)
class Placements:
    """What is said of the placements, each text one value for all of them or one for each, separated by commas.

    `names` are their names, `memory` their bytes, `flops` what each computes in a second, `bandwidth` the bytes of
    weights that it reads and `link` the bytes of values that it gets from others in a second. Empty: the defaults.
    """

    names: str = ""
    memory: str = ""
    flops: str = ""
    bandwidth: str = ""
    link: str = ""

    @property
    def count(self) -> int:
        """How many are named or have something of their own; 0 where nothing says so."""
        texts = (self.memory, self.flops, self.bandwidth, self.link)
        return max(len(_split(self.names)), *(len(_split(text)) if "," in text else 0 for text in texts))

    def devices(self, count: int) -> list[Device]:
        """`count` of them. Raises ValueError for text that says nothing sensible, or another number of them."""
        given = _split(self.names)
        if given and len(given) != count:
            raise ValueError(f"{count} stages and {len(given)} placements")
        names = given or [f"device{k}" for k in range(count)]
        if len(set(names)) != len(names) or not all(names):
            raise ValueError(f"placements must differ and not be empty, got {', '.join(names)}")
        memory = _each("sizes", self.memory, parse_size, None, count)
        flops = _each("flops", self.flops, _speed, DEFAULT_FLOPS, count)
        bandwidth = _each("bandwidths", self.bandwidth, parse_size, DEFAULT_BANDWIDTH, count)
        link = _each("links", self.link, parse_size, DEFAULT_LINK, count)
        return [Device(*each) for each in zip(names, memory, flops, bandwidth, link, strict=True)]

    def one(self) -> Device:
        """The one that all are like. Raises ValueError for text that says nothing sensible."""
        (device,) = self.devices(1)
        return Device("device", device.memory, device.flops, device.bandwidth, device.link)


def _split(text: str) -> list[str]:
    return text.split(",") if text else []


def _each(what: str, text: str, parse: Callable[[str], T], default: T, count: int) -> Sequence[T]:
    given = [parse(each) for each in _split(text)] or [default]
    if len(given) not in (1, count):
        raise ValueError(f"{count} stages and {len(given)} {what}")
    return given * count if len(given) == 1 else given


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise ValueError(f"{text!r} is no speed, expected operations a second like 50e9")
    return speed
