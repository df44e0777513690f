"""Reading a pool's statistics from where Prometheus reads them."""

import http.client
from collections.abc import Mapping

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from infc.errors import PoolUnavailable

from .stats import ModelStats, Snapshot

_LIMIT = 64 << 20  # bytes; ten thousand models are some ten megabytes

_MODEL = {
    "calls": "infc_model_calls_total",
    "hits": "infc_model_hits_total",
    "misses": "infc_model_misses_total",
    "brought": "infc_model_brought_bytes_total",
    "waited": "infc_model_waited_seconds_total",
    "size": "infc_model_bytes",
    "resident": "infc_model_resident_bytes",
    "last": "infc_model_last_call_seconds",
}
_START = "start one with `infc serve … --metrics 127.0.0.1:8501`, or name another with --metrics"


def read_snapshot(host: str, port: int, *, timeout: float = 5.0) -> Snapshot:
    """What a pool's memory is like now.

    Args:
        host: where the pool serves its metrics.
        port: there.
        timeout: seconds to wait for the connection and for each piece of the answer.

    Raises:
        PoolUnavailable: nobody answers there, or somebody else than a pool.
    """
    where = f"{host}:{port}"
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read(_LIMIT).decode()
    except (OSError, http.client.HTTPException, UnicodeDecodeError) as error:
        raise PoolUnavailable(f"no metrics at {where}: {error}", hint=_START) from error
    finally:
        connection.close()
    try:
        return _snapshot(text)
    except (ValueError, LookupError, StopIteration, msgspec.ValidationError) as error:
        raise PoolUnavailable(f"what answers at {where} is no pool of infc's", hint=_START) from error


def _snapshot(text: str) -> Snapshot:
    found: dict[str, dict[str, float]] = {}
    policy = ""
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            policy = sample.labels.get("policy", policy)
            found.setdefault(sample.name, {})[sample.labels.get("model") or sample.labels.get("tier") or ""] = (
                sample.value
            )
    tier = next(iter(found["infc_memory_used_bytes"]))
    capacity = found.get("infc_memory_capacity_bytes", {}).get(tier)
    return Snapshot(
        tier=tier,
        capacity=None if capacity is None else round(capacity),
        used=round(found["infc_memory_used_bytes"][tier]),
        policy=policy,
        promotions=round(found["infc_memory_promotions_total"][tier]),
        promoted=round(found["infc_memory_promoted_bytes_total"][tier]),
        demotions=round(found["infc_memory_demotions_total"][tier]),
        demoted=round(found["infc_memory_demoted_bytes_total"][tier]),
        damaged=round(found["infc_memory_damaged_total"][tier]),
        bandwidth=found["infc_memory_bandwidth"][tier],
        models={name: _model(found, name) for name in found.get(_MODEL["calls"], {})},
    )


def _model(found: Mapping[str, Mapping[str, float]], name: str) -> ModelStats:
    # Lax, because Prometheus knows floats only.
    return msgspec.convert({field: found[metric][name] for field, metric in _MODEL.items()}, ModelStats, strict=False)
