"""Made-up workloads: a few models are called often and most seldom; the time of day; bursts."""

from typing import Annotated, TypeVar

import msgspec
import numpy as np
from msgspec import Meta

from infc.errors import UsageError

from ..tier import parse_size
from .workload import Floats, Ints, Workload

Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0, le=1e12)]


class Zipf(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Calls at random times, `rate` a second; the model of rank k is called in proportion to `1 / k**s`.

    The model of rank k is model `k - 1`. Sizes are drawn from a log-normal distribution around the median `size`, whose
    logarithm has the standard deviation `spread`, whatever the rank; none is above 32 times the median.
    """

    models: Annotated[int, Meta(ge=1, le=10_000_000)] = 300
    requests: Annotated[int, Meta(ge=1, le=20_000_000)] = 20_000
    rate: Positive = 10.0
    s: Annotated[float, Meta(ge=0, le=10)] = 1.0
    size: str = "435MB"
    spread: Annotated[float, Meta(ge=0, le=3)] = 0.5
    family: Annotated[int, Meta(ge=1)] = 1
    shared: Share = 0.0
    seed: Annotated[int, Meta(ge=0)] = 0

    def workload(self) -> Workload:
        """The same options give the same calls."""
        rng = np.random.default_rng(self.seed)
        at, model = self.calls(rng)
        order = np.argsort(at, kind="stable")
        return Workload(at[order], model[order], self.sizes(self.models), self.family, self.shared)

    def calls(self, rng: np.random.Generator) -> tuple[Floats, Ints]:
        """Times and models, in any order."""
        return np.cumsum(rng.exponential(1 / self.rate, self.requests)), self.draw(rng, self.requests)

    def sizes(self, models: int) -> Ints:
        """Bytes of each of so many models; drawn on its own, so that calls do not change when sizes do."""
        median = parse_size(self.size)
        if not 1 <= median <= 1 << 46:
            raise UsageError(f"size is {self.size!r}, expected 1 byte to 64 TiB")
        rng = np.random.default_rng((self.seed, 1))
        drawn = median * np.exp(self.spread * rng.standard_normal(models))
        # A family's members are of one size, as fine-tunes of one model are.
        drawn = drawn[np.arange(models) // self.family]
        return np.clip(drawn, 1, 32 * median).astype(np.int64)

    def draw(self, rng: np.random.Generator, count: int) -> Ints:
        """So many models, by popularity."""
        weights = np.arange(1, self.models + 1, dtype=np.float64) ** -self.s
        edges = np.cumsum(weights)
        return np.searchsorted(edges, rng.random(count) * edges[-1], side="right").astype(np.int64)


class Diurnal(Zipf, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Zipf, where each model has an hour of its own at which it is called most: its rate swings by `depth` around its
    mean in the course of `period` seconds.
    """

    depth: Share = 0.9
    period: Positive = 86_400.0

    def calls(self, rng: np.random.Generator) -> tuple[Floats, Ints]:
        end = self.requests / self.rate
        phase = rng.random(self.models)
        times: list[Floats] = []
        models: list[Ints] = []
        missing = self.requests
        while missing > 0:  # draw too many, and keep each with a probability that follows the hour
            drawn = round(missing * (1 + self.depth)) + 16
            at, model = rng.random(drawn) * end, self.draw(rng, drawn)
            swing = 1 + self.depth * np.cos(2 * np.pi * (at / self.period - phase[model]))
            kept = np.flatnonzero(rng.random(drawn) * (1 + self.depth) < swing)[:missing]
            times.append(at[kept])
            models.append(model[kept])
            missing -= len(kept)
        return np.concatenate(times), np.concatenate(models)


class Bursts(Zipf, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Zipf, where calls of a model come in bursts: `burst` of them on average, `gap` seconds apart on average, and
    then nothing until the next.
    """

    burst: Annotated[float, Meta(ge=1, le=1e6)] = 50.0
    gap: Positive = 0.5

    def calls(self, rng: np.random.Generator) -> tuple[Floats, Ints]:
        end = self.requests / self.rate
        lengths = rng.geometric(1 / self.burst, int(self.requests / self.burst * 1.5) + 64)
        while lengths.sum() < self.requests:
            lengths = np.concatenate((lengths, rng.geometric(1 / self.burst, len(lengths))))
        first = np.concatenate(([0], np.cumsum(lengths)[:-1]))
        gaps = rng.exponential(self.gap, int(lengths.sum()))
        gaps[first] = 0
        since = np.cumsum(gaps)
        at = np.repeat(rng.random(len(lengths)) * end, lengths) + since - np.repeat(since[first], lengths)
        model = np.repeat(self.draw(rng, len(lengths)), lengths)
        return at[: self.requests], model[: self.requests]


KINDS: dict[str, type[Zipf]] = {"zipf": Zipf, "diurnal": Diurnal, "bursts": Bursts}
Kind = TypeVar("Kind", bound=msgspec.Struct)


def synthetic(text: str) -> Workload:
    """A workload from `KIND:option=value,…`, as in `zipf:models=3000,requests=1000000,rate=200`.

    Raises:
        UsageError: an option that the kind does not have, or a value that it does not take.
    """
    kind, _, given = text.partition(":")
    return parse_options(text, given, KINDS[kind]).workload()


def parse_options(text: str, given: str, kind: type[Kind]) -> Kind:
    """Options `name=value,…` as the struct that has them as fields.

    Raises:
        UsageError: an unknown option or a wrong value.
    """
    options: dict[str, str | float] = {}
    for part in filter(None, given.split(",")):
        name, separator, value = part.partition("=")
        if not separator:
            raise UsageError(f"trace {text!r}: {part!r} is no option", hint="zipf:models=3000,rate=200, for example")
        options[name] = _number(value)
    try:
        return msgspec.convert(options, kind, strict=False)
    except msgspec.ValidationError as error:
        names = ", ".join(kind.__struct_fields__)
        raise UsageError(f"trace {text!r}: {error}", hint=f"its options are {names}") from error


def _number(text: str) -> str | float:
    """`1e6` is a whole number too, which the decoder of integers would not take."""
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() and abs(number) < 1 << 53 else number
