"""Which sizes get a module of their own, and which sizes are tried."""

import itertools
import math
import random
from collections.abc import Iterable, Mapping, Sequence

from ...runtime.artifact import Dim

Sizes = dict[str, int]

_ALONE = 4  # sizes of the only dim that varies
_TOGETHER = 2  # of each of several: their product is compiled
_TRIALS = 12  # beside the ends and the buckets themselves


def choose(dims: Sequence[Dim], asked: Mapping[str, tuple[int, ...]]) -> list[Sizes]:
    """The buckets, smallest first: the sizes that were asked for, and a few in geometric order for the other dims."""
    count = _ALONE if len(dims) == 1 else _TOGETHER
    sizes = [asked.get(dim.name) or _geometric(dim, count) for dim in dims]
    found = [dict(zip((dim.name for dim in dims), each, strict=True)) for each in itertools.product(*sizes)]
    return sorted(found, key=lambda bucket: math.prod(bucket.values()))


def cover(dims: Iterable[Dim], buckets: Iterable[Sizes]) -> bool:
    """Whether one of the buckets takes the largest sizes, and with them all."""
    largest = {dim.name: dim.high for dim in dims}
    return any(bucket == largest for bucket in buckets)


def trial_sizes(dims: Sequence[Dim], buckets: Sequence[Sizes], seed: int) -> list[Sizes]:
    """Sizes that are compared: the ends, every bucket and the sizes right above it, powers of two with their
    neighbours, and random ones between, paired at random where several dims vary. Smaller calls come first."""
    draw = random.Random(seed)  # noqa: S311 (reproducible, not secret)
    found = [{dim.name: dim.low for dim in dims}, {dim.name: dim.high for dim in dims}, *buckets]
    found += [{dim.name: min(bucket[dim.name] + 1, dim.high) for dim in dims} for bucket in buckets]
    edges = {dim.name: _edges(dim) for dim in dims}
    for each in edges.values():
        draw.shuffle(each)
    for number in range(min(_TRIALS // 2, max(map(len, edges.values()), default=0))):
        found.append({name: each[number % len(each)] for name, each in edges.items()})
    for _ in range(_TRIALS // 2):
        found.append({dim.name: draw.randint(dim.low, dim.high) for dim in dims})
    unique = {tuple(each.items()): each for each in found}
    return sorted(unique.values(), key=lambda sizes: (math.prod(sizes.values()), tuple(sizes.values())))


def probe_sizes(dims: Sequence[Dim]) -> list[Sizes]:
    """A few sizes from the smallest to the largest, at equal ratios: what candidates are timed on."""
    steps = (0.0, 0.3, 0.6, 1.0)
    found = [{dim.name: round(dim.low * (dim.high / dim.low) ** step) for dim in dims} for step in steps]
    return list({tuple(each.items()): each for each in found}.values())


def _geometric(dim: Dim, count: int) -> tuple[int, ...]:
    ratio = dim.high / max(dim.low, 1)
    exact = [max(dim.low, 1) * ratio ** (step / count) for step in range(1, count + 1)]
    powers = {min(1 << math.ceil(math.log2(size)), dim.high) for size in exact}
    return tuple(sorted({max(size, dim.low) for size in powers} | {dim.high}))


def _edges(dim: Dim) -> list[int]:
    powers = [1 << power for power in range(dim.high.bit_length() + 1)]
    near = {size + offset for size in powers for offset in (-1, 0, 1)}
    return sorted(size for size in near if dim.low <= size <= dim.high)
