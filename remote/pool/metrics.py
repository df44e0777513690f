"""What a pool shows to Prometheus, and to `infc memory top`: over HTTP, in Prometheus' own text format."""

import logging
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from infc.errors import PoolUnavailable, UsageError

from ...runtime.memory.stats import ModelStats, Snapshot
from .options import Address

_log = logging.getLogger(__name__)

# Name, what it is, and where a snapshot has it. `_total` and the unit are part of Prometheus' names.
_TIER: tuple[tuple[type[Metric], str, str, Callable[[Snapshot], float]], ...] = (
    (GaugeMetricFamily, "infc_memory_used_bytes", "Weights that are kept.", lambda s: s.used),
    (CounterMetricFamily, "infc_memory_promotions", "Chunks that were brought in.", lambda s: s.promotions),
    (CounterMetricFamily, "infc_memory_promoted_bytes", "Bytes that were brought in.", lambda s: s.promoted),
    (CounterMetricFamily, "infc_memory_demotions", "Chunks that left.", lambda s: s.demotions),
    (CounterMetricFamily, "infc_memory_demoted_bytes", "Bytes that left.", lambda s: s.demoted),
    (CounterMetricFamily, "infc_memory_damaged", "Chunks that could not be used.", lambda s: s.damaged),
    (GaugeMetricFamily, "infc_memory_bandwidth", "Bytes a second at which chunks came lately.", lambda s: s.bandwidth),
)
_MODEL: tuple[tuple[type[Metric], str, str, Callable[[ModelStats], float]], ...] = (
    (CounterMetricFamily, "infc_model_calls", "Calls.", lambda m: m.calls),
    (CounterMetricFamily, "infc_model_hits", "Chunks that were there when a call wanted them.", lambda m: m.hits),
    (CounterMetricFamily, "infc_model_misses", "Chunks that had to be brought in.", lambda m: m.misses),
    (CounterMetricFamily, "infc_model_brought_bytes", "Bytes that had to be brought in.", lambda m: m.brought),
    (CounterMetricFamily, "infc_model_waited_seconds", "Seconds that calls waited for that.", lambda m: m.waited),
    (GaugeMetricFamily, "infc_model_bytes", "Bytes of its weights.", lambda m: m.size),
    (GaugeMetricFamily, "infc_model_resident_bytes", "Bytes of its weights that are kept.", lambda m: m.resident),
    (GaugeMetricFamily, "infc_model_last_call_seconds", "When it was called last; -1: never.", lambda m: m.last),
)


class MemoryCollector(Collector):
    """Reads a pool's statistics when somebody asks.

    Args:
        read: the tier as it is now; called in a thread of the server's.
    """

    def __init__(self, read: Callable[[], Snapshot]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        seen = self._read()
        info = GaugeMetricFamily("infc_memory_policy", "The policy that decides.", labels=["tier", "policy"])
        info.add_metric([seen.tier, seen.policy], 1)
        yield info
        if seen.capacity is not None:
            yield _family(GaugeMetricFamily, "infc_memory_capacity_bytes", "What may be kept.",
                          "tier", {seen.tier: seen.capacity})  # fmt: skip
        for kind, name, what, value in _TIER:
            yield _family(kind, name, what, "tier", {seen.tier: value(seen)})
        for kind, name, what, value in _MODEL:
            yield _family(kind, name, what, "model", {model: value(each) for model, each in seen.models.items()})


@contextmanager
def serving_metrics(address: Address, read: Callable[[], Snapshot]) -> Generator[Address, None, None]:
    """Answers GET requests until the end of the block; gives the address, with the port that the system picked for 0.

    Raises:
        PoolUnavailable: the address is in use, or not one of this machine's.
        UsageError: it is a Unix socket.
    """
    if address.path:
        raise UsageError(f"metrics cannot be served at {address}", hint="--metrics 127.0.0.1:8501, for instance")
    registry = CollectorRegistry()
    registry.register(MemoryCollector(read))
    try:
        server, thread = start_http_server(address.port, address.host.strip("[]"), registry)
    except OSError as error:
        raise PoolUnavailable(
            f"cannot serve metrics at {address}: {error.strerror}",
            hint="choose another address with --metrics; port 0 lets the system pick one",
        ) from error
    if not address.is_loopback:
        _log.warning("the metrics at %s are open to everybody who can reach them", address)
    try:
        yield replace(address, port=server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _family(kind: type[Metric], name: str, what: str, label: str, values: dict[str, float]) -> Metric:
    family = kind(name, what, labels=[label])  # pyright: ignore[reportCallIssue]  # all of the kinds above take it
    for key, value in values.items():
        family.add_metric([key], value)  # pyright: ignore[reportAttributeAccessIssue]
    return family
