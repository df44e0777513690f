"""The simulation: calls in the order of time, each sent to a device, each touching its model's chunks in order."""

import time
from array import array
from dataclasses import dataclass, field

import numpy as np

from infc.errors import UsageError

from ..access import Access
from ..policies import Foresight, Policy, make_policy
from ..prefetch import prefetch
from ..residency import Residency
from .hardware import Hardware, Router
from .result import Result, TierResult
from .workload import Workload

_PARTS = 50  # of the timeline


def _floats() -> "array[float]":
    return array("d")


@dataclass(slots=True)
class _Device:
    host: int
    content: Residency
    free_at: float = 0.0  # when its last call ends
    link_at: float = 0.0  # when its last load ends


@dataclass(slots=True)
class _Tally:
    """Of one tier."""

    touches: int = 0
    hits: int = 0
    touched_bytes: int = 0
    hit_bytes: int = 0
    read: int = 0
    evictions: int = 0


@dataclass(slots=True)
class _Calls:
    """What is noted of each call that counts."""

    at: "array[float]" = field(default_factory=_floats)
    queue: "array[float]" = field(default_factory=_floats)
    stall: "array[float]" = field(default_factory=_floats)
    compute: "array[float]" = field(default_factory=_floats)
    hits: "array[float]" = field(default_factory=_floats)


class Simulation:
    """One policy on one workload and fleet.

    Args:
        workload: the calls.
        hardware: the fleet.
        policy: its name, with options, as for `make_policy`: one policy for each device and for each host's tier.
        chunk: bytes of what moves as one piece. The pool's chunks have 2 MiB; larger ones make a simulation faster.
        warmup: the share of the calls, from the first, that is not counted.

    Raises:
        UsageError: the policy needs the future in a fleet where it cannot be told, or its name or options are wrong.
    """

    def __init__(
        self, workload: Workload, hardware: Hardware, policy: str, *, chunk: int = 2 << 20, warmup: float = 0.0
    ) -> None:
        if chunk < 1 or not 0 <= warmup < 1:
            raise UsageError(f"a chunk of {chunk} bytes, a warm-up of {warmup}; expected 1 or more, and 0 to below 1")
        self._workload = workload
        self._hardware = hardware
        self._policy = policy
        self._chunk = chunk
        self._skipped = int(warmup * len(workload.at))
        self._plans: dict[int, list[tuple[int, int, list[float]]]] = {}
        self._sizes: list[int] = workload.sizes.tolist()
        tiers = hardware.tiers
        self._devices = [
            _Device(number // hardware.devices_per_host, Residency(tiers[0].capacity, self._make()))
            for number in range(hardware.devices)
        ]
        self._hosts = [[Residency(tier.capacity, self._make()) for tier in tiers[1:-1]] for _ in range(hardware.hosts)]
        self._links = [[0.0] * len(tiers) for _ in range(hardware.hosts)]  # when each tier's last read ends
        self._tallies = [_Tally() for _ in tiers]
        self._calls = _Calls()

    def run(self) -> Result:
        """Plays the whole workload, once."""
        started = time.perf_counter()
        router = Router(self._hardware.devices)
        calls = zip(self._workload.at.tolist(), self._workload.model.tolist(), strict=True)
        for number, (at, model) in enumerate(calls):
            if number == self._skipped:
                self._tallies = [_Tally() for _ in self._tallies]
                self._calls = _Calls()
            plan = self._plan(model, at)
            device = self._route(router, model, plan, at)
            self._serve(self._devices[device], plan, at, self._sizes[model])
        return self._result(time.perf_counter() - started)

    def _make(self) -> Policy:
        policy = make_policy(self._policy)
        if not isinstance(policy, Foresight):
            return policy
        bounded = [tier.name for tier in self._hardware.tiers if tier.capacity is not None]
        if self._hardware.devices > 1 or bounded != [self._hardware.tiers[0].name]:
            raise UsageError(
                f"policy {self._policy!r} needs to know what each tier will be asked for, which depends on the others",
                hint="simulate it with one device and one tier below, which holds everything",
            )
        for model in self._workload.model.tolist():
            if model not in self._plans:
                self._plan(model, 0.0)
        policy.foresee([part[0] for model in self._workload.model.tolist() for part in self._plans[model]])
        return policy

    def _plan(self, model: int, at: float) -> list[Access]:
        """The accesses of a call."""
        parts = self._plans.get(model)
        if parts is None:
            names, sizes = self._workload.chunks(model, self._chunk)
            costs = {size: self._hardware.costs(size) for size in set(sizes)}
            parts = [(name, size, costs[size]) for name, size in zip(names, sizes, strict=True)]
            self._plans[model] = parts
        return [Access(name, model, at, size, costs[0], step) for step, (name, size, costs) in enumerate(parts)]

    def _route(self, router: Router, model: int, plan: list[Access], at: float) -> int:
        """The device that would answer first, by what it lacks and when it is free."""
        if len(self._devices) == 1:
            return 0
        best, soonest = 0, float("inf")
        for number in router.candidates(model):
            device = self._devices[number]
            ready = max(device.free_at, at)
            if ready < soonest:
                ready = self._loaded(device, device.content.missing(plan), ready)
            if ready < soonest:
                best, soonest = number, ready
        router.serves(model, best)
        return best

    def _loaded(self, device: _Device, missing: list[Access], at: float) -> float:
        """When about a device would have what it lacks: what its host has not either waits for the last tier's link."""
        ready = at + sum(access.cost for access in missing)
        for content in self._hosts[device.host]:
            missing = content.missing(missing)
        if not missing:
            return ready
        last = len(self._hardware.tiers) - 1
        backlog = max(ready, self._links[device.host][last])
        return backlog + sum(access.size for access in missing) / self._hardware.tiers[last].bandwidth

    def _serve(self, device: _Device, plan: list[Access], at: float, size: int) -> None:
        """Computes chunk by chunk, loading what is missing up to `window` bytes ahead of the computation."""
        hardware = self._hardware
        begin = max(at, device.free_at)
        total = max(hardware.compute, size / hardware.tiers[0].bandwidth)
        ready = self._admit(device, plan, at) if hardware.window else {}
        ahead = hardware.window // self._chunk
        tally = self._tallies[0]
        ends: list[float] = []  # when the computation on each chunk ends
        end = begin
        hits = 0
        for step, access in enumerate(plan):
            change = device.content.touch(access)
            tally.evictions += len(change.evicted)
            if change.hit:
                hits += 1
                tally.hit_bytes += access.size
                loaded = ready.get(access.chunk, 0.0) if ready else 0.0
            else:
                before = step - 1 - ahead
                loaded = self._load(device, access, ends[before] if before >= 0 else begin)
            end = max(end, loaded) + total * access.size / size
            ends.append(end)
        device.free_at = end
        tally.touches += len(plan)
        tally.hits += hits
        tally.touched_bytes += size
        calls = self._calls
        calls.at.append(at)
        calls.queue.append(begin - at)
        calls.compute.append(total)
        calls.stall.append(max(0.0, end - begin - total))
        calls.hits.append(hits / len(plan))

    def _admit(self, device: _Device, plan: list[Access], at: float) -> dict[object, float]:
        """Loads into free room while the call waits for its device. When each chunk is there."""
        ready: dict[object, float] = {}
        for access in prefetch(plan, -1, device.content, window=self._hardware.window):
            if device.content.fill(access):
                ready[access.chunk] = self._load(device, access, at)
        return ready

    def _load(self, device: _Device, access: Access, earliest: float) -> float:
        """Brings a chunk to a device, into the tiers between as well; when it is there."""
        tiers = self._hardware.tiers
        costs = self._plans[int(access.model)][access.step][2]
        source = len(tiers) - 1
        for number, content in enumerate(self._hosts[device.host], 1):
            tally = self._tallies[number]
            change = content.touch(
                Access(access.chunk, access.model, access.at, access.size, costs[number], access.step)
            )
            tally.touches += 1
            tally.touched_bytes += access.size
            tally.evictions += len(change.evicted)
            if change.hit:
                tally.hits += 1
                tally.hit_bytes += access.size
                source = number
                break
        self._tallies[source].read += access.size
        start = max(earliest, device.link_at)
        if source > 1:  # one disk, one network for all devices of the host; memory is taken to be wide enough
            links = self._links[device.host]
            start = max(start, links[source])
            links[source] = start + access.size / tiers[source].bandwidth
        slowest = min(tier.bandwidth for tier in tiers[1 : source + 1])
        device.link_at = start + access.size / slowest
        return device.link_at + tiers[source].latency

    def _result(self, wall: float) -> Result:
        last = self._tallies[-1]
        last.touches = last.hits = self._tallies[-2].touches - self._tallies[-2].hits
        last.touched_bytes = last.hit_bytes = self._tallies[-2].touched_bytes - self._tallies[-2].hit_bytes
        calls = self._calls
        at, stall, queue = np.array(calls.at), np.array(calls.stall), np.array(calls.queue)
        latency = np.quantile(stall + queue + np.array(calls.compute), (0.5, 0.95, 0.99)).tolist()
        seconds = max(device.free_at for device in self._devices) - calls.at[0]
        compute = float(sum(calls.compute))
        return Result(
            policy=self._policy,
            calls=len(at),
            seconds=seconds,
            tiers=tuple(
                TierResult(
                    name=tier.name,
                    **{name: getattr(tally, name) for name in _Tally.__slots__},
                )
                for tier, tally in zip(self._hardware.tiers, self._tallies, strict=True)
            ),
            reload=sum(tally.read for tally in self._tallies[1:]),
            stall=float(stall.sum()),
            queue=float(queue.sum()),
            compute=compute,
            busy=(compute + float(stall.sum())) / (seconds * len(self._devices)) if seconds > 0 else 0.0,
            warm=float((stall < 1e-9).mean()),
            latency=(latency[0], latency[1], latency[2]),
            stall_p99=float(np.quantile(stall, 0.99)),
            timeline=_timeline(at, np.array(calls.hits)),
            wall=wall,
        )


def _timeline(at: np.ndarray, hits: np.ndarray) -> tuple[float | None, ...]:
    span = max(float(at[-1] - at[0]), 1e-9)
    part = np.minimum(((at - at[0]) / span * _PARTS).astype(np.int64), _PARTS - 1)
    counts = np.bincount(part, minlength=_PARTS)
    sums = np.bincount(part, weights=hits, minlength=_PARTS)
    return tuple(float(total / count) if count else None for total, count in zip(sums, counts, strict=True))
