"""Decides by a policy, and moves by a backend: the chunks of a model around each of its calls."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock

from infc.errors import ArtifactError, InfcError

from .access import Access, ModelId
from .promotion import Promotion
from .residency import Residency
from .stats import ModelStats, Moves, Snapshot
from .tier import Tier

# What a chunk costs to bring in, until some were brought in.
DISK = Tier("disk", None, 2.5e9, 1e-4)
THREADS = 4  # reading at a time, which is what it takes to get a disk's bandwidth
_NEWEST = 0.2  # how much the newest measurement of the bandwidth counts


@dataclass
class _Model:
    """A model that is served, and whether nothing of it has to be looked at before it computes."""

    source: Promotion
    sizes: dict[str, int]
    stats: ModelStats
    checked: bool
    whole: int = -1  # the residency's removals when all of it was there last: while they are the same, it still is
    filling: Lock = field(default_factory=Lock)


@dataclass
class Ticket:
    """A call on its way. `evicted` left the tier for it; `wanted` is to be brought in."""

    model: ModelId
    evicted: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()
    late: bool = False  # nothing was missing: what it touches is counted when it is over


class Migrator:
    """Keeps one tier of a host as its policy says, under running models. Safe for threads.

    A call goes `begin`, `fill`, the call itself, `end`; `call` is all of them for models in this process. What a call
    touches may be in DRAM as long as it runs, kept or not: the capacity bounds what is kept between calls.

    Args:
        residency: the tier's books. Only this migrator may change them.
        policy: the policy's name, for the statistics.
        clock: seconds.
    """

    def __init__(self, residency: Residency, *, policy: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        self._residency = residency
        self._policy = policy
        self._clock = clock
        self._models: dict[ModelId, _Model] = {}
        self._holders: defaultdict[str, list[ModelId]] = defaultdict(list)  # of a chunk
        self._in_use: Counter[ModelId] = Counter()  # calls on their way, of models that have any
        # Calls that found everything there: how many, when the last was. The policy hears of them before it decides.
        self._untold: dict[ModelId, tuple[int, float]] = {}
        self._tier = DISK
        self._in, self._out = Moves(), Moves()
        self._damaged = 0
        self._deciding = Lock()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="promote")
        # What was never here may come from a slow place far away: nobody waits behind it who only wants the disk.
        self._fetching = ThreadPoolExecutor(2 * THREADS, thread_name_prefix="fetch")

    def add(self, name: ModelId, source: Promotion, *, checked: bool, loaded: bool = True) -> None:
        """Makes a model known.

        Args:
            name: of the model.
            source: its chunks, in the order of its memory plan.
            checked: all of it was hashed just now.
            loaded: by that it came to where it is kept; what does not fit leaves.
        """
        sizes = source.sizes
        model = _Model(source, sizes, ModelStats(size=sum(sizes.values())), checked)
        with self._deciding:
            self._models[name] = model
            for chunk in sizes:
                self._holders[chunk].append(name)
            if not (checked and loaded):
                return
            self._tell()
            for access in self._plan(name, model):
                self._residency.fill(access)
        self.drop(sizes)

    @contextmanager
    def call(self, name: ModelId) -> Generator[None, None, None]:
        """Around one call of a model in this process: brings in what it lacks, and lets go of what is not kept.

        Raises:
            ArtifactError: a chunk is damaged, and nothing has a good one. It is then not counted as resident.
            InfcError: a chunk cannot be read.
        """
        ticket = self.begin(name)
        try:
            self.drop(ticket.evicted)
            self.fill(ticket)
            yield
        finally:
            self.drop(self.end(ticket))

    def is_here(self, name: ModelId) -> bool:
        """Whether all of a model was on this host once, and right."""
        return self._models[name].checked

    def begin(self, name: ModelId, *, counted: bool = True) -> Ticket:
        """Decides what comes in for a call and what leaves, and moves nothing. Every ticket has its `end`.

        Args:
            name: the model.
            counted: it is a call; else only what comes before one.
        """
        model = self._models[name]
        with self._deciding:
            model.stats.calls += counted
            model.stats.last = self._clock()
            if model.checked and self._is_whole(model):
                model.stats.hits += len(model.sizes)
                self._in_use[name] += 1
                return Ticket(name, late=True)
            self._tell()
            evicted: list[str] = []
            wanted: list[str] = []
            for access in self._plan(name, model):
                change = self._residency.touch(access)
                evicted += [str(chunk) for chunk in change.evicted]
                if not change.hit:
                    wanted.append(str(access.chunk))
            model.stats.hits += len(model.sizes) - len(wanted)
            model.stats.misses += len(wanted)
            model.stats.brought += sum(model.sizes[chunk] for chunk in wanted)
            self._in_use[name] += 1
            return Ticket(name, tuple(evicted), tuple(wanted))

    def fill(self, ticket: Ticket) -> None:
        """Brings in what a call lacks. What was never hashed since the start is hashed now.

        Raises:
            ArtifactError: a chunk is damaged, and nothing has a good one.
            InfcError: a chunk cannot be read.
        """
        model = self._models[ticket.model]
        if ticket.late:
            return
        started = self._clock()
        with model.filling:
            wanted = ticket.wanted if model.checked else tuple(model.sizes)
            threads = self._threads if model.checked else self._fetching
            many = model.source.together
            batches = [wanted[at : at + many] for at in range(0, len(wanted), many)]
            failed: dict[str, InfcError] = {}
            for result in [threads.submit(model.source.promote_all, batch) for batch in batches]:
                failed |= result.result()
            for chunk, error in failed.items():
                self._failed(chunk, error)
            came = [model.sizes[chunk] for chunk in wanted if chunk not in failed]
            seconds = self._clock() - started
            with self._deciding:
                model.stats.waited += seconds
                self._measured(sum(came), seconds)
                for size in came:
                    self._in.add(size)
            if failed:
                raise next(iter(failed.values()))
            model.checked = True

    def end(self, ticket: Ticket) -> tuple[str, ...]:
        """Ends a call; the chunks that it used and that are not kept."""
        model = self._models[ticket.model]
        with self._deciding:
            self._in_use[ticket.model] -= 1
            if not self._in_use[ticket.model]:
                del self._in_use[ticket.model]
            if ticket.late and self._residency.capacity is not None:  # where all fits, nothing is ever decided
                calls, _ = self._untold.pop(ticket.model, (0, 0.0))  # popped: they are in the order of their last calls
                self._untold[ticket.model] = calls + 1, self._clock()
            if self._is_whole(model):
                return ()
            return tuple(chunk for chunk in model.sizes if not self._is_wanted(chunk))

    def size(self, name: ModelId) -> int:
        """Bytes of a model's weights."""
        return self._models[name].stats.size

    def holders(self, chunks: Iterable[str]) -> dict[ModelId, list[str]]:
        """The models that have them mapped, with which of them."""
        found: defaultdict[ModelId, list[str]] = defaultdict(list)
        for chunk in chunks:
            for name in self._holders[chunk]:
                found[name].append(chunk)
        return dict(found)

    def drop(self, chunks: Iterable[str]) -> None:
        """Lets chunks leave DRAM that are neither kept nor used, after whoever had them mapped let go of them."""
        for chunk in chunks:
            with self._deciding:
                if self._is_wanted(chunk):
                    continue
                model = self._models[self._holders[chunk][0]]
            model.source.demote(chunk)  # may take its time, for which nobody else has to wait
            with self._deciding:
                self._out.add(model.sizes[chunk])
                again = self._is_wanted(chunk)
            if again:  # meanwhile: it may have come and gone in either order, and no result depends on it
                with suppress(InfcError):
                    model.source.promote(chunk)

    def snapshot(self) -> Snapshot:
        """The tier as it is now."""
        # Without the lock, which calls wait for: of thousands of models this takes a while, and may be a chunk off.
        for model in list(self._models.values()):
            model.stats.resident = sum(size for chunk, size in model.sizes.items() if chunk in self._residency)
        with self._deciding:
            return Snapshot(
                tier="dram",
                capacity=self._residency.capacity,
                used=self._residency.used,
                policy=self._policy,
                promotions=self._in.count,
                promoted=self._in.size,
                demotions=self._out.count,
                demoted=self._out.size,
                damaged=self._damaged,
                bandwidth=self._tier.bandwidth,
                models={str(name): _copy(model.stats) for name, model in self._models.items()},
            )

    def close(self) -> None:
        """Ends the threads that read."""
        self._threads.shutdown(cancel_futures=True)
        self._fetching.shutdown(wait=False, cancel_futures=True)

    def _is_whole(self, model: _Model) -> bool:
        """Whether all of a model is in the tier. One look for a call, as long as nothing left."""
        removals = self._residency.removals
        if model.whole != removals:
            if not all(chunk in self._residency for chunk in model.sizes):
                return False
            model.whole = removals
        return True

    def _tell(self) -> None:
        """Tells the policy of the calls that nothing had to be decided for: one record for all of a model's.

        As nothing left meanwhile, its age did not move either: a record that stands for many calls ranks a model as
        they would have one by one.
        """
        untold, self._untold = self._untold, {}
        for name, (calls, at) in untold.items():
            for access in self._plan(name, self._models[name], at=at, weight=calls):
                if access.chunk in self._residency:
                    self._residency.touch(access)

    def _plan(self, name: ModelId, model: _Model, *, at: float | None = None, weight: float = 1.0) -> list[Access]:
        at = self._clock() if at is None else at
        return [
            Access(chunk, name, at, size, self._tier.seconds(size), step, weight)
            for step, (chunk, size) in enumerate(model.sizes.items())
        ]

    def _is_wanted(self, chunk: str) -> bool:
        return chunk in self._residency or self._busy(chunk)

    def _busy(self, chunk: str) -> bool:
        return any(chunk in self._models[name].sizes for name in self._in_use)

    def _failed(self, chunk: str, error: InfcError) -> None:
        with self._deciding:
            self._damaged += isinstance(error, ArtifactError)
            if chunk in self._residency:
                self._residency.remove(chunk)

    def _measured(self, size: int, seconds: float) -> None:
        if seconds > 0 and size:
            bandwidth = (1 - _NEWEST) * self._tier.bandwidth + _NEWEST * size / seconds
            self._tier = Tier(DISK.name, None, bandwidth, DISK.latency)


def _copy(stats: ModelStats) -> ModelStats:
    return ModelStats(*(getattr(stats, field) for field in stats.__struct_fields__))
