"""File ranges as one range of memory: contiguous, shared, read-only, and alive as long as somebody looks."""

import ctypes
import errno
import mmap
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from infc.errors import ArtifactError
from infc.runtime.memory import Mapping
from infc.runtime.memory import mapping as placing
from infc.runtime.memory import room as limits
from infc.runtime.memory.arena_mapping import ArenaMapping
from infc.runtime.session import Session
from infc.runtime.store import Store

from support.stores import fine_tune

PAGE = mmap.PAGESIZE
MIB = 1 << 20


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    """Four pages, each filled with its number plus one, and a tail of 100 bytes."""
    path = tmp_path / "pages"
    path.write_bytes(b"".join(bytes([number + 1]) * PAGE for number in range(4)) + b"t" * 100)
    fd = os.open(path, os.O_RDONLY)
    yield fd
    os.close(fd)


def test_ranges_follow_each_other_in_the_order_they_are_put(file: int) -> None:
    mapping = Mapping(3 * PAGE + 100, where="x")
    for offset, length in ((2 * PAGE, PAGE), (0, 2 * PAGE), (4 * PAGE, 100)):
        mapping.append(file, (offset, length))
    assert bytes(mapping.view()) == b"\3" * PAGE + b"\1" * PAGE + b"\2" * PAGE + b"t" * 100
    assert len(mapping.view()) == mapping.length == 3 * PAGE + 100


def test_views_are_read_only_and_outlive_close(file: int) -> None:
    mapping = Mapping(PAGE, where="x")
    mapping.append(file, (PAGE, PAGE))
    array = np.frombuffer(mapping.view(), dtype=np.uint8)
    mapping.close()
    mapping.close()
    assert not array.flags.writeable
    assert int(array.sum()) == 2 * PAGE
    with pytest.raises(ValueError, match="closed"):
        mapping.view()


def test_nobody_can_make_the_pages_writable(file: int) -> None:
    mapping = Mapping(PAGE, where="x")
    mapping.append(file, (0, PAGE))
    libc = ctypes.CDLL(None, use_errno=True)
    refused = libc.mprotect(ctypes.c_void_p(mapping.address), PAGE, mmap.PROT_READ | mmap.PROT_WRITE)
    assert (refused, ctypes.get_errno()) == (-1, errno.EACCES)


def test_pages_go_with_the_last_view(file: int) -> None:
    mapping = Mapping(PAGE, where="x")
    mapping.append(file, (0, PAGE))
    start = f"{mapping.address:x}-"
    view = mapping.view()
    mapping.close()
    assert start in Path("/proc/self/maps").read_text()
    del view
    assert start not in Path("/proc/self/maps").read_text()


def test_nothing_is_an_empty_view() -> None:
    assert len(Mapping(0, where="x").view()) == 0


def test_an_offset_inside_a_page_is_refused(file: int) -> None:
    with pytest.raises(ArtifactError, match=rf"m\.infc: a blob begins at byte 512, not on a page of {PAGE}") as caught:
        Mapping(PAGE, where="m.infc").append(file, (512, PAGE))
    assert "repacked" in caught.value.hint


def test_a_file_that_is_too_short_is_refused_and_not_touched(file: int) -> None:
    with pytest.raises(ArtifactError, match=rf"the file has {4 * PAGE + 100} bytes, but a blob ends at {5 * PAGE}"):
        Mapping(PAGE, where="x").append(file, (4 * PAGE, PAGE))


def test_ranges_that_leave_a_gap_or_overflow_are_refused(file: int) -> None:
    mapping = Mapping(2 * PAGE, where="x")
    mapping.append(file, (4 * PAGE, 100))
    with pytest.raises(ArtifactError, match="do not fit behind 100"):
        mapping.append(file, (0, PAGE))
    with pytest.raises(ArtifactError, match="do not fit behind 0"):
        Mapping(PAGE, where="x").append(file, (0, 2 * PAGE))
    with pytest.raises(ValueError, match="incomplete"):
        Mapping(PAGE, where="x").view()


def test_an_address_space_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ArtifactError, match=r"cannot map \d+ bytes: Cannot allocate memory"):
        Mapping(1 << 60, where="x")


@pytest.mark.parametrize("taken", [False, True])
def test_addresses_that_another_thread_takes_meanwhile_stay_its_own(
    taken: bool, file: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [3, 1, 2, 0, 0, 1, 3, 2, 1, 3]
    mapping = Mapping(len(numbers) * PAGE, where="x")
    reserved = mapping.address
    give_up = placing.unmap

    def race(address: int, length: int) -> None:
        give_up(address, length)
        if taken and length == len(numbers) * PAGE:
            placing.place(reserved + 5 * PAGE, PAGE, file, 3 * PAGE, "the other thread")

    monkeypatch.setattr(placing, "unmap", race)
    mapping.append(file, *((number * PAGE, PAGE) for number in numbers))
    monkeypatch.undo()
    assert bytes(mapping.view()) == b"".join(bytes([number + 1]) * PAGE for number in numbers)
    assert (mapping.address == reserved) is not taken
    address = mapping.address
    mapping.close()
    del mapping
    assert f"{address:x}-" not in Path("/proc/self/maps").read_text()
    if taken:
        assert ctypes.string_at(reserved + 5 * PAGE, PAGE) == b"\4" * PAGE
        give_up(reserved + 5 * PAGE, PAGE)


READER = """
import os, sys
from infc.runtime.memory import Mapping
fd = os.open(sys.argv[1], os.O_RDONLY)
size = os.fstat(fd).st_size
mapping = Mapping(size, where=sys.argv[1])
for offset in range(0, size, 1 << 20):
    mapping.append(fd, (size - offset - (1 << 20), 1 << 20))
view = mapping.view()
touched = sum(view[::4096])
print(touched, flush=True)
sys.stdin.readline()
fields = {}
for line in open("/proc/self/smaps_rollup").read().splitlines()[1:]:
    fields[line.split(":")[0]] = int(line.split()[1])
print(fields["Rss"], fields["Pss"], fields["Private_Dirty"] + fields["Private_Clean"], flush=True)
sys.stdin.readline()
"""


def test_two_processes_share_the_pages(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(bytes(64 * MIB))
    readers = [subprocess.Popen([sys.executable, "-c", READER, path], stdin=-1, stdout=-1, text=True) for _ in range(2)]
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "0\n"  # both have touched every page
    for reader in readers:
        resident, proportional, private = map(int, told(reader).split())
        assert resident > 64 * 1024  # KiB, like the others
        assert proportional < resident - 24 * 1024
        assert private < 32 * 1024
    for reader in readers:
        reader.communicate("\n")
        assert reader.returncode == 0


def told(reader: "subprocess.Popen[str]") -> str:
    assert reader.stdin is not None
    assert reader.stdout is not None
    reader.stdin.write("\n")
    reader.stdin.flush()
    return reader.stdout.readline()


def test_the_system_s_limit_of_mappings_is_named_before_it_is_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def limited(to: int) -> None:
        (tmp_path / "limit").write_text(f"{to}\n")
        monkeypatch.setattr(limits, "LIMIT", tmp_path / "limit")
        monkeypatch.setattr(limits, "_sure", 0)

    store = Store(tmp_path / "store")
    store.add(fine_tune(tmp_path / "x.infc", 0, chunks=3))
    x = np.ones((2, 8), np.float32)
    with store.open("tune0") as artifact:
        limited(20)
        with pytest.raises(ArtifactError, match=r"4 mappings; this process has \d+, and .* limit is 20") as caught:
            Session.attach(artifact)
        assert "vm.max_map_count" in (caught.value.hint or "")
        with pytest.raises(ArtifactError, match="2 mappings"):  # slots that follow each other are one
            ArenaMapping(-1, (0, 1, 3, 4), 4 << 21, where="x")
        limited(2 * len(Path("/proc/self/maps").read_text().splitlines()) + 100)
        with Session.attach(artifact) as session:
            assert session.run({"x": x})


def test_mappings_that_were_given_back_do_not_count(file: int) -> None:
    before = limits._placed
    mapping = Mapping(2 * PAGE, where="x")
    mapping.append(file, (0, PAGE), (2 * PAGE, PAGE))
    assert limits._placed == before + 2
    mapping.close()
    del mapping
    assert limits._placed == before
