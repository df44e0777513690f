"""Tiers, sizes and times as text; prefetch."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infc.errors import InfcError
from infc.runtime.memory.access import forward_pass
from infc.runtime.memory.policies import LRU
from infc.runtime.memory.prefetch import prefetch
from infc.runtime.memory.residency import Residency
from infc.runtime.memory.tier import Tier, parse_size, parse_tier

from support.memory import few, passes


def test_a_tier_is_read() -> None:
    assert parse_tier("dram=512GiB:25GB/s:5ms") == Tier("dram", 512 * 2**30, 25e9, 0.005)
    assert parse_tier("store=all:1GB/s") == Tier("store", None, 1e9)
    assert Tier("disk", None, 2e9, 0.5).seconds(10**9) == 1.0


@pytest.mark.parametrize(
    "text",
    ["", "dram", "dram=1GiB", "dram=1GiB:1GB", "=1GiB:1GB/s", "dram=1:1GB/s:x", "dram=-1:1GB/s", "dram=1:0/s",
     "dram=1GiB:1GB/s:1us:2", "dram=1GiBB:1GB/s", "dram=nan:1GB/s"],
)  # fmt: skip
def test_what_is_no_tier_is_refused(text: str) -> None:
    with pytest.raises(InfcError):
        parse_tier(text)


@pytest.mark.parametrize(
    ("text", "size"), [("435MB", 435_000_000), ("2MiB", 2**21), ("16 gib", 2**34), ("7", 7), ("1.5k", 1500)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@few
@given(trace=passes(calls=12), capacity=st.integers(0, 20), window=st.integers(0, 20), step=st.integers(0, 30))
def test_prefetch_evicts_nothing(trace: list, capacity: int, window: int, step: int) -> None:
    residency = Residency(capacity, LRU())
    for each in trace[: len(trace) // 2]:
        residency.touch(each)
    there = {each.chunk for each in trace if each.chunk in residency}
    ahead = prefetch(trace, step, residency, window=window)
    assert sum(each.size for each in {each.chunk: each for each in ahead}.values()) <= window
    assert all(residency.fill(each) for each in ahead)
    assert all(chunk in residency for chunk in there)
    assert residency.used <= capacity


def test_prefetch_takes_the_next_missing_steps() -> None:
    plan = forward_pass("m", list("abcdef"), [1] * 6, at=0.0, latency=0.0, bandwidth=1.0)
    residency = Residency(3, LRU())
    residency.touch(plan[2])
    assert [each.chunk for each in prefetch(plan, 0, residency, window=4)] == ["b", "d"]
    assert [each.chunk for each in prefetch(plan, 0, residency, window=1)] == ["b"]
    assert not residency.fill(plan[0]._replace(size=3))
