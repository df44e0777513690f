"""The same misses as libcachesim, an independent implementation of the same policies, on the same accesses."""

from collections.abc import Sequence

import numpy as np
import pytest

from support.memory import access, misses

reference = pytest.importorskip("libcachesim", reason="libcachesim is not installed: pip install libcachesim (Linux)")


def theirs(cache: str, chunks: Sequence[int], sizes: Sequence[int], capacity: int) -> int:
    made = getattr(reference, cache)(cache_size=capacity, hashpower=10)
    return sum(not made.get(reference.Request(obj_id=chunk, obj_size=sizes[chunk])) for chunk in chunks)


# GDSF agrees up to the order in which chunks of equal rank leave, which the paper leaves open.
@pytest.mark.parametrize(("ours", "other", "apart"), [("lru", "LRU", 0.0), ("lfu", "LFU", 0.0), ("gdsf", "GDSF", 0.02)])
@pytest.mark.parametrize("largest", [1, 50])
@pytest.mark.parametrize("seed", range(3))
def test_misses(ours: str, other: str, apart: float, largest: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, 201)
    chunks = rng.choice(200, 4000, p=weights / weights.sum()).tolist()
    sizes = rng.integers(1, largest + 1, 200).tolist()
    # To libcachesim's GDSF every miss costs the same.
    trace = [access(chunk, size=sizes[chunk])._replace(cost=1.0) for chunk in chunks]
    expected = theirs(other, chunks, sizes, 20 * (largest + 1))
    assert abs(misses(ours, trace, 20 * (largest + 1)) - expected) <= apart * expected
    assert expected < len(chunks) / 2
