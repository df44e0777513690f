"""The pager: a process that fills an arena, and serves the page faults of those who compute on it.

Started as `python -m infc.runtime.memory.pager CONTROL ARENA`: the descriptors of its end of a socket pair and of the
arena. It computes nothing and runs no model's code, so that nothing it waits for can wait for it; it ends when the
other end is closed. It has to be a process of its own: who faults may hold locks that a thread beside it would need.
"""

import errno
import logging
import mmap
import os
import selectors
import socket
import sys
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock, local

import msgspec

from ..artifact.schema import CHUNK_SIZE
from . import kernel
from .arena import Place, identity_of
from .paging import LARGEST, Done, Evict, Fill, Join, Leave, Order, Places, Present

_log = logging.getLogger(__name__)

THREADS = 4  # reading at a time
_PIECE = 1 << 20  # bytes read at a time, which stay in the processor's cache until they are written
_PATIENCE = 1.0  # seconds between looks at whether the controller is still there
_GONE = (errno.ESRCH, errno.EINVAL, errno.ENOENT, errno.EBADF)  # the range or its process is not there any more


@dataclass(frozen=True)
class _Member:
    """A process that maps slots, in this order from this address on."""

    faults: int
    address: int
    slots: tuple[int, ...]

    def ranges(self, slot: int) -> list[int]:
        return [self.address + place * CHUNK_SIZE for place, each in enumerate(self.slots) if each == slot]

    @property
    def length(self) -> int:
        return len(self.slots) * CHUNK_SIZE


class Pager:
    """Fills and empties the slots of one arena.

    A slot is empty, or full and the same for ever. While it is empty, every mapping of it traps, also where a part of
    it was written already; when all of it is there, all of them are let at it: nobody sees half of a chunk.
    """

    def __init__(self, arena: int) -> None:
        self._arena = arena
        self._places: dict[int, Place] = {}
        self._members: dict[int, _Member] = {}
        self._holders: defaultdict[int, list[_Member]] = defaultdict(list)
        self._full: set[int] = set()
        self._tables = Lock()  # who holds what, and what is full
        self._filling: defaultdict[int, Lock] = defaultdict(Lock)
        self._sweeping = ThreadPoolExecutor(1)
        self._buffers = local()

    def know(self, places: Places, /) -> None:
        """Takes note of where chunks are."""
        self._places |= {
            slot: Place(path, offset, length, identity) for slot, path, offset, length, identity in places.places
        }

    def found(self, slots: tuple[int, ...]) -> None:
        """Takes note of what another pager filled."""
        self._full.update(slots)

    def join(self, number: int, member: _Member) -> None:
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
                    _at(kernel.untrap if full else kernel.trap, member, address, length)
                    start = place
            if member.slots:
                _at(kernel.wake, member, member.address, member.length)

    def leave(self, number: int) -> int | None:
        """Forgets a process; the descriptor of its faults, to be closed."""
        with self._tables:
            member = self._members.pop(number, None)
            if member is None:
                return None
            for slot in set(member.slots):
                self._holders[slot].remove(member)
            return member.faults

    def fill(self, slot: int) -> None:
        """Makes a slot full.

        Raises:
            OSError: the chunk cannot be read, or there is no memory left.
        """
        with self._filling[slot]:
            if slot in self._full:
                return
            place = self._places[slot]
            fd = os.open(place.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                if place.identity and place.identity != identity_of(fd):
                    raise OSError(errno.ESTALE, f"{place.path} was replaced")
                at, done = slot * CHUNK_SIZE, 0
                buffer = self._buffer()
                while done < place.length:
                    read = os.preadv(fd, [buffer[: place.length - done]], place.offset + done)
                    if not read:
                        raise OSError(errno.ENODATA, f"{place.path} ends inside a chunk")
                    written = 0
                    while written < read:
                        written += os.pwrite(self._arena, buffer[written:read], at + done + written)
                    done += read
            except BaseException:
                os.close(fd)
                raise
            with self._tables:
                self._full.add(slot)
                for member in self._holders[slot]:
                    for address in member.ranges(slot):
                        _at(kernel.untrap, member, address, CHUNK_SIZE)
        self._sweeping.submit(_forget_file, fd, place)  # once in memory is enough; nobody waits for that

    def _buffer(self) -> memoryview:
        """This thread's. By way of it, because what is written needs no zeroing before, as what is mapped does."""
        found = getattr(self._buffers, "mine", None)
        if found is None:
            found = self._buffers.mine = memoryview(bytearray(_PIECE))
        return found

    def empty(self, slot: int) -> None:
        """Makes a slot empty. Who touches it again waits until it is full again.

        Raises:
            OSError: a mapping of it cannot be made to wait. It stays full then.
        """
        with self._filling[slot]:
            with self._tables:
                for member in self._holders[slot]:
                    for address in member.ranges(slot):
                        _at(kernel.trap, member, address, CHUNK_SIZE)
                self._full.discard(slot)
            kernel.punch(self._arena, slot * CHUNK_SIZE, CHUNK_SIZE)

    def faulted(self, member: _Member, address: int) -> None:
        """Serves one fault. What cannot be read ends who touched it: better than other bytes, and than waiting."""
        slot = member.slots[(address - member.address) // CHUNK_SIZE]
        try:
            self.fill(slot)
            with self._tables:
                if slot in self._full:  # it may have been before: then this one was left behind
                    for place in member.ranges(slot):
                        _at(kernel.untrap, member, place, CHUNK_SIZE)
                _at(kernel.wake, member, address & -mmap.PAGESIZE, mmap.PAGESIZE)
        except OSError as error:
            _log.error("slot %d cannot be filled: %s", slot, error)
            with suppress(OSError):
                kernel.poison(member.faults, address)


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

        def each(work: Callable[[int], None], request: int, slots: tuple[int, ...]) -> None:
            futures = {slot: threads.submit(work, slot) for slot in slots}
            left = len(futures)
            count = Lock()

            def finished(_: "Future[None]") -> None:
                nonlocal left
                with count:
                    left -= 1
                    if left:
                        return
                errors = {slot: future.exception() for slot, future in futures.items()}
                done(request, {slot: str(error) for slot, error in errors.items() if error})

            if not futures:
                done(request, {})
            for future in futures.values():
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
                        member = _Member(descriptors[0], address, slots)
                        pager.join(number, member)
                        selector.register(descriptors[0], selectors.EVENT_READ, member)
                        done(request, {})
                    case Leave(number):
                        forget(number)
                    case Fill(request, slots):
                        each(pager.fill, request, slots)
                    case Evict(request, slots):
                        each(pager.empty, request, slots)


def _forget_file(fd: int, place: Place) -> None:
    try:
        os.posix_fadvise(fd, place.offset, place.length, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)


def _at(act: Callable[[int, int, int], None], member: _Member, address: int, length: int) -> None:
    try:
        act(member.faults, address, length)
    except OSError as error:
        if error.errno in _GONE or (error.errno == errno.ENOMEM and not kernel.is_alive(member.faults, address)):
            return
        raise


def main(arguments: list[str]) -> None:
    """Runs a pager on the inherited descriptors that the arguments give."""
    control, arena = map(int, arguments)
    serve(socket.socket(fileno=control), Pager(arena))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s pager[%(process)d] %(levelname)s %(message)s")
    main(sys.argv[1:])
