"""The pager dies, or cannot read: who computes on the arena goes on, or is ended, and is never wrong."""

import hashlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from infc.errors import InfcError
from infc.runtime.artifact import Artifact
from infc.runtime.memory import paged as paged_module
from infc.runtime.memory.arena import Place
from infc.runtime.memory.paged import PagedArena

from support.stores import damage, fine_tune

PATIENCE = 120

# A process that maps slots, hands over its page faults, and prints the digest of all bytes for each line that it reads.
READER = """
import hashlib, socket, sys
from infc.runtime.memory.arena_mapping import ArenaMapping
arena, end, length, *slots = map(int, sys.argv[1:])
mapping = ArenaMapping(arena, slots, length, where="test", sealed=True)
socket.send_fds(socket.socket(fileno=end), [mapping.address.to_bytes(8, "little")], [mapping.faults])
for _ in sys.stdin:
    print(hashlib.sha256(mapping.view()).hexdigest(), flush=True)
"""


@dataclass
class Reader:
    process: "subprocess.Popen[str]"
    faults: int
    slots: tuple[int, ...]
    expected: str

    def ask(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Artifact]:
    with Artifact.open(fine_tune(tmp_path_factory.mktemp("pager") / "model", 0, chunks=2, form="dir")) as opened:
        yield opened


@pytest.fixture
def paged() -> Iterator[PagedArena]:
    try:
        made = PagedArena()
    except InfcError as error:
        pytest.skip(str(error))
    yield made
    made.close()


@pytest.fixture
def reader(artifact: Artifact, paged: PagedArena) -> Iterator[Reader]:
    chunks = artifact.build().stages[0].slab.chunks
    slots = paged.slots(artifact, chunks)
    content = b"".join(artifact.read(chunk) for chunk in chunks)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    numbers = map(str, (paged.arena.fd, theirs.fileno(), len(content), *slots))
    process = subprocess.Popen([sys.executable, "-c", READER, *numbers], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               text=True, pass_fds=[paged.arena.fd, theirs.fileno()])  # fmt: skip
    theirs.close()
    packet, (faults,), _, _ = socket.recv_fds(ours, 8, 1)
    paged.join(faults, int.from_bytes(packet, "little"), slots)
    yield Reader(process, faults, slots, hashlib.sha256(content).hexdigest())
    process.kill()
    process.communicate()
    ours.close()


def test_what_is_not_there_comes_when_it_is_touched(reader: Reader, paged: PagedArena) -> None:
    for _ in range(2):
        reader.ask()
        assert reader.answer() == reader.expected
        paged.empty(reader.slots)
        assert not any(map(paged.arena.filled, reader.slots))


def test_a_pager_dies_before_it_reads_a_fault(reader: Reader, paged: PagedArena) -> None:
    pid = paged.pid
    os.kill(pid, signal.SIGSTOP)
    reader.ask()
    assert select.select([reader.faults], [], [], PATIENCE)[0]  # it waits for its page
    os.kill(pid, signal.SIGKILL)
    assert reader.answer() == reader.expected
    assert paged.pid != pid


def test_a_pager_dies_while_it_serves_a_fault(reader: Reader, paged: PagedArena, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)  # which nobody ever writes to: opening it takes for ever
    place = paged.arena.places[reader.slots[0]]
    retell(paged, reader.slots[0], replace(place, path=str(fifo)))
    paged.arena.places[reader.slots[0]] = place  # for the next pager
    paged.fill(reader.slots[1:])  # what one pager filled, the next one knows
    pid = paged.pid
    os.kill(pid, signal.SIGSTOP)
    reader.ask()
    assert select.select([reader.faults], [], [], PATIENCE)[0]
    os.kill(pid, signal.SIGCONT)
    until = time.monotonic() + PATIENCE
    while select.select([reader.faults], [], [], 0)[0]:  # until the pager has read it
        assert time.monotonic() < until
    os.kill(pid, signal.SIGKILL)
    assert reader.answer() == reader.expected


def test_a_pager_hangs(monkeypatch: pytest.MonkeyPatch, reader: Reader, paged: PagedArena) -> None:
    monkeypatch.setattr(paged_module, "HEARTBEAT", 0.5)
    paged.fill(reader.slots[:1])  # an answer: from the next one on it is watched as closely as that
    pid = paged.pid
    os.kill(pid, signal.SIGSTOP)
    reader.ask()
    assert reader.answer() == reader.expected
    assert paged.pid != pid


def test_requests_survive_the_pager(reader: Reader, paged: PagedArena) -> None:
    for _ in range(3):
        os.kill(paged.pid, signal.SIGKILL)
        paged.empty(reader.slots)
        os.kill(paged.pid, signal.SIGKILL)
        paged.fill(reader.slots)
        reader.ask()
        assert reader.answer() == reader.expected


def test_what_cannot_be_read_ends_who_touches_it(reader: Reader, paged: PagedArena, tmp_path: Path) -> None:
    place = paged.arena.places[reader.slots[0]]
    short = tmp_path / "short"
    short.write_bytes(bytes(3 << 19))  # most of a chunk
    retell(paged, reader.slots[0], replace(place, path=str(short)))
    with pytest.raises(InfcError, match="ends inside a chunk"):
        paged.fill(reader.slots)
    assert not paged.arena.filled(reader.slots[0])
    reader.ask()
    assert reader.answer() == ""
    assert reader.process.wait(PATIENCE) == -signal.SIGBUS


def test_an_emptied_frame_stays_for_the_next_and_is_given_back_by_another_pager(artifact: Artifact) -> None:
    try:
        paged = PagedArena(spares=1)
    except InfcError as error:
        pytest.skip(str(error))
    try:
        slots = paged.slots(artifact, artifact.build().stages[0].slab.chunks)

        def held() -> list[bool]:
            return [bool(paged.arena.filled(slot)) for slot in slots]

        paged.fill(slots[:2])
        paged.empty(slots[:2])
        assert held()[:2] == [False, True]
        paged.fill(slots[:1])
        assert held()[:2] == [True, False]  # its frame went
        paged.fill(slots[:2])
        paged.empty(slots[1:2])
        paged.empty(slots[1:2])  # it is spare already
        os.kill(paged.pid, signal.SIGKILL)
        until = time.monotonic() + PATIENCE
        while held()[:2] != [True, False]:
            assert time.monotonic() < until
        length = artifact.blob(artifact.build().stages[0].slab.chunks[0]).length
        assert os.pread(paged.arena.fd, length, slots[0] << 21) == artifact.read(
            artifact.build().stages[0].slab.chunks[0]
        )
    finally:
        paged.close()


def test_another_file_of_that_name_is_no_source(paged: PagedArena, tmp_path: Path) -> None:
    path = fine_tune(tmp_path / "model.infc", 0, chunks=1)
    with Artifact.open(path) as artifact:
        slots = paged.slots(artifact, artifact.build().stages[0].slab.chunks)
    damage(path)
    with pytest.raises(InfcError, match="was replaced"):
        paged.fill(slots)


def retell(paged: PagedArena, slot: int, place: Place) -> None:
    paged.arena.places[slot] = place
    with paged._state:
        paged._tell_places([slot])
