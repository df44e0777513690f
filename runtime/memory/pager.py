"""The pager: a process that fills an arena, and serves the page faults of those who compute on it.

Started as `python -m infc.runtime.memory.pager CONTROL ARENA SPARES`: the descriptors of its end of a socket pair and
of the arena, and how many frames it may keep that nothing is in. It computes nothing and runs no model's code, so that
nothing it waits for can wait for it; it ends when the other end is closed. It has to be a process of its own: who
faults may hold locks that a thread beside it would need.
"""

import logging
import mmap
import os
import selectors
import socket
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import Lock, local

import msgspec

from ..artifact.format import CHUNK_SIZE
from . import kernel
from .arena import Place
from .members import Member, at
from .paging import LARGEST, Done, Evict, Fill, Join, Leave, Order, Places, Present, Tidy
from .sources import Source, Sweeper

_log = logging.getLogger(__name__)

THREADS = 4  # reading at a time
_RUN = 8  # slots that a thread takes at once: what it takes to hand over one is no longer seen then
_PATIENCE = 1.0  # seconds between looks at whether the controller is still there


class Pager:
    """Fills and empties the slots of one arena.

    A slot is empty, or full and the same for ever. While it is empty, every mapping of it traps, also where a part of
    it was written already; when all of it is there, all of them are let at it: nobody sees half of a chunk.

    A frame that was emptied may stay for a while, as a spare: it is what the next slot is filled into, for memory that
    was given back to the kernel is slow when it comes again (a virtual machine's goes back to its host). A slot that is
    filled again before that has its bytes still. What is spare traps as what is empty does.

    Args:
        arena: its descriptor.
        spares: how many frames may be kept so.
    """

    def __init__(self, arena: int, spares: int = 0) -> None:
        self._arena = arena
        self._most = spares
        self._spares: dict[int, bool] = {}  # the oldest first
        self._places: dict[int, Place] = {}
        self._members: dict[int, Member] = {}
        self._holders: defaultdict[int, list[Member]] = defaultdict(list)
        self._full: set[int] = set()
        self._tables = Lock()  # who holds what, and what is full
        self._filling: defaultdict[int, Lock] = defaultdict(Lock)
        self._sweeper = Sweeper()
        self._buffers = local()

    def know(self, places: Places, /) -> None:
        """Takes note of where chunks are."""
        self._places |= {
            slot: Place(path, offset, length, identity) for slot, path, offset, length, identity in places.places
        }

    def found(self, slots: tuple[int, ...]) -> None:
        """Takes note of what another pager filled."""
        self._full.update(slots)

    def join(self, number: int, member: Member) -> None:
        """Lets a process at what is full; what is not traps from now on, also where another pager let it at."""
        with self._tables:
            self._members[number] = member
            for slot in set(member.slots):
                self._holders[slot].append(member)
            start = 0
            for place in range(1, len(member.slots) + 1):  # one call for each run of slots of one kind
                full = member.slots[start] in self._full
                if place == len(member.slots) or (member.slots[place] in self._full) != full:
                    address, length = member.address + start * CHUNK_SIZE, (place - start) * CHUNK_SIZE
                    at(kernel.untrap if full else kernel.trap, member, address, length)
                    start = place
            if member.slots:
                at(kernel.wake, member, member.address, member.length)

    def leave(self, number: int) -> int | None:
        """Forgets a process; the descriptor of its faults, to be closed."""
        with self._tables:
            member = self._members.pop(number, None)
            if member is None:
                return None
            for slot in set(member.slots):
                self._holders[slot].remove(member)
            return member.faults

    def fill(self, slots: Sequence[int]) -> dict[int, str]:
        """Makes slots full, one after the other; of those that cannot be, why: no file, or no memory left."""
        with self._sweeper.busy(), Source() as source:
            return _each(lambda slot: self._fill(slot, source), slots)

    def _fill(self, slot: int, source: Source) -> None:
        with self._filling[slot]:
            if slot in self._full:
                return
            place = self._places[slot]
            if not self._is_back(slot):
                self._write(slot, source.read(place, self._buffer()))
                self._sweeper.add(place)
            with self._tables:
                self._full.add(slot)
                for member in self._holders[slot]:
                    for address in member.ranges(slot):
                        at(kernel.untrap, member, address, CHUNK_SIZE)

    def _is_back(self, slot: int) -> bool:
        """Whether a slot was emptied and its frame is still there, with all that was in it."""
        with self._tables:
            return self._spares.pop(slot, None) is not None

    def _write(self, slot: int, data: memoryview) -> None:
        """Into a slot's frame at once: of a frame that is written whole the kernel zeroes nothing before."""
        start, written = slot * CHUNK_SIZE, 0
        with self._tables:
            self._give_back(len(self._spares) - 1)  # what was freed last is what the kernel hands out next
        try:
            while written < len(data):
                written += os.pwrite(self._arena, data[written:], start + written)
        except OSError:
            kernel.punch(self._arena, start, CHUNK_SIZE)  # the books do not know of a part of it
            raise

    def _buffer(self) -> memoryview:
        """This thread's. By way of it, because what is written needs no zeroing before, as what is mapped does."""
        found = getattr(self._buffers, "mine", None)
        if found is None:
            found = self._buffers.mine = memoryview(bytearray(CHUNK_SIZE))
        return found

    def empty(self, slots: Sequence[int]) -> dict[int, str]:
        """Makes slots empty: who touches one again waits until it is full again. Of those that stay full, why."""
        return _each(self._empty, slots)

    def _empty(self, slot: int) -> None:
        with self._filling[slot], self._tables:
            for member in self._holders[slot]:
                for address in member.ranges(slot):
                    at(kernel.trap, member, address, CHUNK_SIZE)
            if slot in self._full and self._most:
                self._spares[slot] = True
                self._give_back(self._most)
            elif slot not in self._spares:
                kernel.punch(self._arena, slot * CHUNK_SIZE, CHUNK_SIZE)
            self._full.discard(slot)

    def tidy(self) -> None:
        """Gives back the frames that another pager filled in part, or kept: of them nothing is known."""
        for slot in list(self._places):
            with self._filling[slot], self._tables:
                if slot not in self._full and slot not in self._spares:
                    kernel.punch(self._arena, slot * CHUNK_SIZE, CHUNK_SIZE)

    def _give_back(self, most: int) -> None:
        """All spare frames but so many, the oldest first. Holds `_tables`, so that nobody fills one meanwhile."""
        while len(self._spares) > max(most, 0):
            slot = next(iter(self._spares))
            del self._spares[slot]
            kernel.punch(self._arena, slot * CHUNK_SIZE, CHUNK_SIZE)

    def faulted(self, member: Member, address: int) -> None:
        """Serves one fault. What cannot be read ends who touched it: better than other bytes, and than waiting."""
        slot = member.slots[(address - member.address) // CHUNK_SIZE]
        failed = self.fill((slot,))
        if failed:
            _log.error("slot %d cannot be filled: %s", slot, failed[slot])
            with suppress(OSError):
                kernel.poison(member.faults, address)
            return
        with self._tables:
            if slot in self._full:  # it may have been before: then this one was left behind
                for place in member.ranges(slot):
                    at(kernel.untrap, member, place, CHUNK_SIZE)
            at(kernel.wake, member, address & -mmap.PAGESIZE, mmap.PAGESIZE)


def serve(control: socket.socket, pager: Pager) -> None:
    """Does what it is told, and serves faults, until the other end is closed."""
    decoder: msgspec.msgpack.Decoder[Order] = msgspec.msgpack.Decoder(Order)  # pyright: ignore[reportArgumentType]
    selector = selectors.DefaultSelector()
    selector.register(control, selectors.EVENT_READ)
    sending = Lock()

    def done(request: int, failed: dict[int, str]) -> None:
        with sending, suppress(OSError):  # the other end is gone, which the loop notices
            control.send(msgspec.msgpack.encode(Done(request, failed)))

    def forget(number: int) -> None:
        faults = pager.leave(number)
        if faults is not None:
            selector.unregister(faults)
            os.close(faults)

    # Whoever waits for a fault does not wait behind those who only want something in good time.
    with ThreadPoolExecutor(THREADS) as threads, ThreadPoolExecutor(THREADS) as urgent:

        def each(work: Callable[[Sequence[int]], dict[int, str]], request: int, slots: tuple[int, ...]) -> None:
            length = min(_RUN, max(1, len(slots) // (2 * THREADS)))
            runs = [slots[at : at + length] for at in range(0, len(slots), length)]
            futures = [threads.submit(work, run) for run in runs]
            left = len(futures)
            count = Lock()

            def finished(_: "Future[dict[int, str]]") -> None:
                nonlocal left
                with count:
                    left -= 1
                    if left:
                        return
                failed: dict[int, str] = {}
                for run, future in zip(runs, futures, strict=True):
                    error = future.exception()
                    failed |= future.result() if error is None else dict.fromkeys(run, str(error))
                done(request, failed)

            if not futures:
                done(request, {})
            for future in futures:
                future.add_done_callback(finished)

        while True:
            for key, _ in selector.select(_PATIENCE):
                if key.fileobj is not control:
                    for address in kernel.read_faults(key.fd):
                        urgent.submit(pager.faulted, key.data, address)
                    continue
                packet, descriptors, _, _ = socket.recv_fds(control, LARGEST, 1)
                if not packet:
                    return
                match decoder.decode(packet):
                    case Places() as places:
                        pager.know(places)
                    case Present(slots):
                        pager.found(slots)
                    case Join(request, number, address, slots):
                        forget(number)  # asked again
                        member = Member(descriptors[0], address, slots)
                        pager.join(number, member)
                        selector.register(descriptors[0], selectors.EVENT_READ, member)
                        done(request, {})
                    case Leave(number):
                        forget(number)
                    case Tidy():
                        threads.submit(pager.tidy)
                    case Fill(request, slots):
                        each(pager.fill, request, slots)
                    case Evict(request, slots):
                        each(pager.empty, request, slots)


def _each(act: Callable[[int], None], slots: Iterable[int]) -> dict[int, str]:
    failed: dict[int, str] = {}
    for slot in slots:
        try:
            act(slot)
        except OSError as error:
            failed[slot] = str(error)
    return failed


def main(arguments: list[str]) -> None:
    """Runs a pager on the inherited descriptors that the arguments give."""
    control, arena, spares = map(int, arguments)
    serve(socket.socket(fileno=control), Pager(arena, spares))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s pager[%(process)d] %(levelname)s %(message)s")
    main(sys.argv[1:])
