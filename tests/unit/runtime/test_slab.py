"""Where weights are placed in a slab, whatever their sizes and order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infc.errors import ArtifactError
from infc.runtime.artifact import CHUNK_SIZE, PAGE_SIZE, Slab, WeightData
from infc.runtime.artifact.slab import ALIGNMENT, GATHER, SlabBuilder

from support.artifacts import weight


def build(sizes: list[int]) -> tuple[Slab, bytes]:
    """A slab of f32 weights of these many elements, each filled with its number plus one."""
    stored: dict[str, bytes] = {}

    def store(chunk: memoryview) -> str:
        name = f"chunk-{len(stored)}"
        stored[name] = bytes(chunk)
        return name

    builder = SlabBuilder(store)
    for number, size in enumerate(sizes):
        builder.add(weight(str(number), np.full(size, number + 1, dtype=np.float32)))
    slab = builder.finish()
    return slab, b"".join(stored[chunk] for chunk in slab.chunks)


@given(st.lists(st.one_of(st.integers(0, 3000), st.integers(15_000, 20_000), st.integers(0, 700_000)), max_size=12))
def test_every_weight_lies_whole_aligned_and_alone(sizes: list[int]) -> None:
    slab, data = build(sizes)
    assert slab.length == len(data)
    assert slab.length % PAGE_SIZE == 0
    assert len(slab.chunks) == -(-slab.length // CHUNK_SIZE)
    covered = 0
    for placed, size in zip(slab.weights, sizes, strict=True):
        lies = np.frombuffer(data[placed.offset : placed.offset + placed.length], dtype=np.float32)
        assert np.array_equal(lies, np.full(size, int(placed.key) + 1, dtype=np.float32))
        assert placed.offset % (PAGE_SIZE if placed.length >= GATHER else ALIGNMENT) == 0
        covered += placed.length
    # No two overlap: every byte that is not padding belongs to exactly one weight.
    assert np.count_nonzero(np.frombuffer(data, dtype=np.float32)) * 4 == covered


def test_small_weights_share_pages() -> None:
    slab, _ = build([768] * 40 + [100_000] + [768] * 40)
    small = sum(placed.length for placed in slab.weights if placed.length < GATHER)
    assert slab.length < small + 400_000 + 4 * PAGE_SIZE


def test_no_weights_is_an_empty_slab() -> None:
    slab, data = build([])
    assert (slab.length, slab.chunks, data) == (0, (), b"")


def test_wrong_data_is_named() -> None:
    builder = SlabBuilder(lambda _: "")
    wrong = WeightData(key="w", digest="", dtype="f32", shape=(3, 3), layout="row_major", data=bytes(35))
    with pytest.raises(ArtifactError, match=r"weight 'w' has 35 bytes, but f32\[3, 3\] takes 36"):
        builder.add(wrong)


def test_strided_data_is_refused() -> None:
    builder = SlabBuilder(lambda _: "")
    with pytest.raises(ArtifactError, match="weight 'w' is not C-contiguous"):
        builder.add(weight("w", np.zeros((4, 6), dtype=np.float32).T))


def test_a_key_twice_is_refused() -> None:
    builder = SlabBuilder(lambda _: "")
    builder.add(weight("w", np.zeros(4, dtype=np.float32)))
    with pytest.raises(ArtifactError, match="weight 'w' occurs twice"):
        builder.add(weight("w", np.zeros(4, dtype=np.float32)))
