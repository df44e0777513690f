"""The paged arena as its owner sees it: a pager that is started, told what to do, watched, and replaced if it dies."""

import logging
import os
import select
import socket
import subprocess
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future, TimeoutError
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from threading import Lock, Thread

import msgspec

from infc.errors import InfcError

from ..artifact import CHUNK_SIZE, Artifact
from . import kernel
from .arena import Arena, Place, identity_of
from .paging import BATCH, LARGEST, Done, Evict, Fill, Join, Leave, Message, Places, Present, Tidy

_log = logging.getLogger(__name__)

PATIENCE = 30.0  # seconds that a pager may take for a request before it counts as stuck
HEARTBEAT = 5.0  # seconds without a word after which it is asked whether it is alive, and again until it counts as dead
_TRIES = 3
_ALIVE = 0  # the number of that request, which nobody waits for


@dataclass(frozen=True)
class _Member:
    faults: int
    address: int
    slots: tuple[int, ...]


class PagedArena:
    """Chunks in an arena, filled and emptied by a pager. Safe for threads.

    When the pager dies or hangs, another takes its place: it is told what is where and who maps it, and whoever waits
    for a page goes on. Nothing is computed on a chunk that is not all there, whenever the pager dies.

    Args:
        huge: use huge pages, where this process may.
        spares: frames of 2 MiB that are kept when slots are emptied, for those that are filled next.

    Raises:
        InfcError: this system, or what this process may do, is not enough. The message says what is missing.
    """

    def __init__(self, *, huge: bool = True, spares: int = 0) -> None:
        os.close(kernel.new_faults())  # whether it is allowed
        self._spares = spares
        self.arena = Arena(huge=huge)
        self._members: dict[int, _Member] = {}
        self._full: set[int] = set()
        self._numbers = count(1)
        self._waiting: dict[int, Future[Done]] = {}
        self._state = Lock()
        self._closed = False
        self._process, self._control = self._start()

    @property
    def spare_bytes(self) -> int:
        """Bytes that it may hold beside what is in it."""
        return self._spares * CHUNK_SIZE

    @property
    def pid(self) -> int:
        """The pager's process id."""
        return self._process.pid

    def slots(self, artifact: Artifact, chunks: Sequence[str]) -> tuple[int, ...]:
        """The slots of an artifact's chunks, which the pager then knows to fill."""
        found: list[int] = []
        new: list[int] = []
        for chunk in chunks:
            blob = artifact.blob(chunk)
            identity = ""
            if not artifact.path.is_dir():  # a tar: its name says nothing about its content
                with artifact.descriptor(blob) as fd:
                    identity = identity_of(fd)
            place = Place(str(blob.path.resolve()), blob.offset, blob.length, identity)
            found.append(self.arena.slot(chunk, place))
            new.append(found[-1])
        with self._state:
            self._tell_places(new)
        return tuple(found)

    def join(self, faults: int, address: int, slots: Sequence[int]) -> int:
        """Serves the faults of a process that maps slots; a number for `leave`.

        Args:
            faults: the descriptor of its faults; kept and closed here.
            address: where they begin in that process.
            slots: in the order in which they lie there.

        Raises:
            InfcError: the pager does not get to it.
        """
        number = next(self._numbers)
        member = _Member(faults, address, tuple(slots))
        with self._state:
            self._members[number] = member
        self._ask(lambda request: Join(request, number, address, member.slots), faults)
        return number

    def leave(self, number: int) -> None:
        """Serves them no more."""
        with self._state:
            member = self._members.pop(number, None)
            if member is not None:
                self._send(Leave(number))
                os.close(member.faults)

    def fill(self, slots: Sequence[int]) -> None:
        """Brings slots in.

        Raises:
            InfcError: one of them cannot be read, or there is no memory left.
        """
        failed = self.bring(slots)
        if failed:
            raise not_brought(failed.values())

    def bring(self, slots: Sequence[int]) -> dict[int, str]:
        """Brings slots in; of those that cannot be, why."""
        failed: dict[int, str] = {}
        for some in _batches(dict.fromkeys(slots)):
            done = self._ask(lambda request, some=some: Fill(request, some))
            failed |= done.failed
            with self._state:
                self._full.update(set(some) - done.failed.keys())
        return failed

    def empty(self, slots: Sequence[int]) -> None:
        """Lets slots go."""
        for some in _batches(dict.fromkeys(slots)):
            with self._state:
                self._full.difference_update(some)
            failed = self._ask(lambda request, some=some: Evict(request, some)).failed
            if failed:
                _log.error("%d chunks stay in the arena: %s", len(failed), next(iter(failed.values())))

    def close(self) -> None:
        """Ends the pager. Who still maps what is not there waits for ever: those processes go first."""
        with self._state:
            self._closed = True
            self._process.kill()
            self._control.close()
            members, self._members = list(self._members.values()), {}
        self._process.wait()
        for member in members:
            os.close(member.faults)
        self.arena.close()

    def _start(self) -> tuple["subprocess.Popen[bytes]", socket.socket]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-m",
                    f"{__package__}.pager",
                    *map(str, (theirs.fileno(), self.arena.fd, self._spares)),
                ],
                pass_fds=[theirs.fileno(), self.arena.fd],
                stdin=subprocess.DEVNULL,
                stdout=2,
                process_group=0,
            )
        Thread(target=self._watch, args=(process, ours), name="pager-watch", daemon=True).start()
        ours.settimeout(PATIENCE)
        return process, ours

    def _watch(self, process: "subprocess.Popen[bytes]", control: socket.socket) -> None:
        """Reads a pager's answers until it is gone, and then puts another in its place."""
        pidfd = os.pidfd_open(process.pid)
        asked = False  # whether it is alive, without an answer yet
        try:
            while True:
                readable, _, _ = select.select([control, pidfd], [], [], HEARTBEAT)
                if not readable:
                    if asked:
                        _log.error("pager %d gives no sign of life, and is ended", process.pid)
                        process.kill()
                    asked = True
                    with self._state:
                        socket.send_fds(control, [msgspec.msgpack.encode(Fill(_ALIVE, ()))], [])
                    continue
                asked = False
                packet = control.recv(LARGEST) if control in readable else b""
                if packet:
                    done = msgspec.msgpack.decode(packet, type=Done)
                    with self._state:
                        future = self._waiting.pop(done.request, None)
                    if future is not None:
                        future.set_result(done)
                elif pidfd in readable or control in readable:
                    break
        except (OSError, ValueError, msgspec.DecodeError):  # closed under it, or it talks nonsense
            process.kill()
        finally:
            os.close(pidfd)
        process.wait()
        with self._state:
            if self._closed:
                return
            _log.warning("pager %d ended with status %d; another takes its place", process.pid, process.returncode)
            control.close()
            self._process, self._control = self._start()
            self._tell_places(list(self.arena.places))
            for some in _batches(sorted(self._full)):
                self._send(Present(some))
            for number, member in self._members.items():
                self._send(Join(0, number, member.address, member.slots), member.faults)
            self._send(Tidy())
            lost, self._waiting = self._waiting, {}
        for future in lost.values():
            future.set_exception(ConnectionResetError())  # to be asked again

    def _ask(self, message: Callable[[int], Message], *descriptors: int) -> Done:
        for _ in range(_TRIES):
            request = next(self._numbers)
            future: Future[Done] = Future()
            with self._state:
                process = self._process
                self._waiting[request] = future
                self._send(message(request), *descriptors)
            try:
                return future.result(PATIENCE)
            except ConnectionResetError:
                continue
            except TimeoutError:
                _log.error("pager %d does not answer, and is ended", process.pid)
                process.kill()
        raise InfcError(f"no pager did what it was asked in {_TRIES} tries", hint="the log says how they ended")

    def _tell_places(self, slots: Sequence[int]) -> None:
        places = self.arena.places
        for some in _batches(slots):
            where = ((slot, places[slot]) for slot in some)
            self._send(Places(tuple((slot, p.path, p.offset, p.length, p.identity) for slot, p in where)))

    def _send(self, message: Message, *descriptors: int) -> None:
        with suppress(OSError):  # it is gone: its watcher will start another and tell it all of this
            socket.send_fds(self._control, [msgspec.msgpack.encode(message)], descriptors)


def not_brought(reasons: Collection[str]) -> InfcError:
    """The error of chunks that could not be brought in, for these reasons."""
    return InfcError(
        f"{len(reasons)} chunks cannot be brought into the arena: {next(iter(reasons))}",
        hint="the pool's log says which: replace files that are damaged; where memory lacks, less --memory leaves more",
    )


def _batches(slots: Iterable[int]) -> list[tuple[int, ...]]:
    every = list(slots)
    return [tuple(every[at : at + BATCH]) for at in range(0, len(every), BATCH)]
