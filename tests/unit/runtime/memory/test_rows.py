"""Which pages a call's rows lie on, which chunks come first, and that nothing else of a table is read."""

import os
from pathlib import Path

import numpy as np
import pytest

from infc.runtime.artifact import CHUNK_SIZE, PAGE_SIZE, Slab, SlabWeight, TensorSpec
from infc.runtime.memory import Mapping, kernel
from infc.runtime.memory.rows import Table, order_of_need, runs, tables, touched

ROWS, STRIDE = 3 * CHUNK_SIZE // 1024, 1024


def weight(key: str, offset: int, length: int, *, by_rows: bool = False, rows: int = 1) -> SlabWeight:
    shape = (rows, length // rows)
    return SlabWeight(
        key=key, digest="", dtype="i8", shape=shape, layout="row_major", offset=offset, length=length, by_rows=by_rows
    )


def slab(*weights: SlabWeight) -> Slab:
    length = max(each.offset + each.length for each in weights)
    return Slab(length=length, alignment=64, chunks=("",) * -(-length // CHUNK_SIZE), weights=weights)


@pytest.mark.parametrize("stride", [64, 3072, 4096, 5000, 3 * 4096])
def test_the_pages_are_those_that_the_rows_bytes_lie_on(stride: int) -> None:
    numbers = np.array([[7, 0], [7, 12]])
    address = 5 * PAGE_SIZE + 64
    expected = {(address + row * stride + byte) // PAGE_SIZE for row in (0, 7, 12) for byte in range(stride)}
    assert touched(numbers, address, stride).tolist() == sorted(expected)


def test_no_rows_lie_on_no_pages() -> None:
    assert list(runs(touched(np.zeros((0,), np.int32), 0, 64))) == []


def test_pages_side_by_side_are_one_range() -> None:
    assert list(runs(np.array([3, 4, 5, 9, 11, 12]))) == [(3, 6), (9, 10), (11, 13)]


def test_a_chunk_comes_when_the_first_of_its_weights_is_needed_and_a_table_last() -> None:
    """Small weights lie together at the end, and the first layer needs one of them."""
    layout = slab(
        weight("table", 0, 2 * CHUNK_SIZE + 64),
        weight("bias", 5 * CHUNK_SIZE, 64),
        weight("first", 2 * CHUNK_SIZE + PAGE_SIZE, CHUNK_SIZE),
        weight("second", 4 * CHUNK_SIZE, CHUNK_SIZE),
    )
    assert order_of_need(layout, {"table"}) == [5, 2, 3, 4, 0, 1]
    assert order_of_need(layout, ()) == [0, 1, 2, 5, 3, 4]


def test_a_table_is_what_an_input_names_rows_of() -> None:
    size = ROWS * STRIDE
    layout = slab(
        weight("embedding", 0, size, by_rows=True, rows=ROWS),
        weight("read whole", size, size, rows=ROWS),
        weight("small", 2 * size, 64 * 1024, by_rows=True, rows=64),
    )
    ids = TensorSpec(name="ids", dtype="i64", shape=(4,), low=0, high=ROWS - 1)
    kinds = TensorSpec(name="kinds", dtype="i64", shape=(4,), low=0, high=63)
    free = TensorSpec(name="free", dtype="i64", shape=(4,))

    found = dict(tables([(0, free), (1, kinds), (2, ids)], layout, 1 << 20))

    assert found == {"embedding": Table(place=2, address=1 << 20, rows=ROWS, stride=STRIDE)}


@pytest.fixture
def cold(tmp_path: Path) -> tuple[int, Mapping]:
    """A table on the disk only: its file and its pages."""
    path = tmp_path / "table"
    path.write_bytes(bytes(ROWS * STRIDE))
    fd = os.open(path, os.O_RDWR)
    os.fsync(fd)
    mapping = Mapping(ROWS * STRIDE, where="the test")
    mapping.append(fd, (0, ROWS * STRIDE))
    kernel.drop(fd, 0, 0)
    if kernel.cached(fd, 0, ROWS * STRIDE) != 0:
        pytest.skip("this file system, or this kernel, lets nothing leave the page cache")
    return fd, mapping


def resident(fd: int) -> int:
    """Bytes of the file that are in memory, or on their way there."""
    return kernel.cached(fd, 0, ROWS * STRIDE) or 0


def test_only_the_rows_are_read(cold: tuple[int, Mapping]) -> None:
    fd, mapping = cold
    Table(0, mapping.address, ROWS, STRIDE).want(np.array([0, 1, 4000, 6143]))
    assert resident(fd) == 3 * PAGE_SIZE
    os.close(fd)


def test_a_call_that_needs_most_of_a_table_reads_all_of_it(cold: tuple[int, Mapping]) -> None:
    fd, mapping = cold
    Table(0, mapping.address, ROWS, STRIDE).want(np.arange(0, ROWS, 8))
    assert resident(fd) == ROWS * STRIDE
    os.close(fd)
