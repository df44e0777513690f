"""Bringing a model's weights into memory while it runs already: what is needed first comes first."""

import _thread
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate, count, groupby
from pathlib import Path
from threading import Event
from weakref import WeakValueDictionary

from infc.errors import InfcError

from ..artifact import Blob
from . import kernel


@dataclass(frozen=True, slots=True)
class LoadedSlab:
    """A slab that is mapped whole: its chunks' places in their files, and its pages. `order` finds the chunks' numbers
    in the order in which they are needed, which nobody waits for who attaches a model."""

    chunks: Sequence[Blob]
    order: Callable[[], Sequence[int]]
    address: int
    pages: memoryview  # as long as it lives they stay mapped, whoever closes the mapping meanwhile


class Loading:
    """Reads weights into memory in the background, chunk by chunk, in the order in which a forward pass needs them.

    So the first layers compute while the weights of the later ones are still coming in. What is in memory already is
    not touched again: for a warm slab all there is to do is to ask the kernel, off the caller's thread. No result
    depends on any of it: a chunk that cannot be read is left to whoever touches it. All loadings of a process together
    read no more than the system has memory for: the first ones first.

    Args:
        slabs: those of all stages, the first stage's first.
    """

    def __init__(self, *slabs: LoadedSlab) -> None:
        self._slabs = slabs
        self._size = sum(len(slab.pages) for slab in slabs)
        self._number = next(_numbers)
        self._stopped = Event()
        self._begun = False
        self._ended = Event()

    def start(self) -> "Loading":
        """Begin, and return at once; nothing happens where the process may have no more threads."""
        _claims[self._number] = self
        self._begun = True
        try:
            # Not a `Thread`: its start waits until the new thread has had its turn, as long as attaching takes.
            _thread.start_new_thread(self._thread, ())
        except RuntimeError:
            self._ended.set()
        return self

    def stop(self) -> None:
        """Bring in no more than the chunk that is being read now. Does not wait for it."""
        self._stopped.set()
        self._slabs = ()
        _claims.pop(self._number, None)

    def wait(self) -> None:
        """Wait until everything is in memory, or it was stopped."""
        if self._begun:
            self._ended.wait()

    @property
    def running(self) -> bool:
        """Whether there may be weights that are not in memory, and are on their way."""
        return self._begun and not self._ended.is_set()

    def _thread(self) -> None:
        try:
            self._run()
        finally:
            self._ended.set()

    def _run(self) -> None:
        slabs, self._slabs = self._slabs, ()  # their pages are to go with the session, not with this object
        room = available() - sum(other._size for number, other in list(_claims.items()) if number < self._number)
        for slab in slabs:
            for address, length in absent(slab):
                room -= length
                # More than there is room for would push out what came in before, or other models.
                if room < 0 or self._stopped.is_set() or not kernel.bring(address, length):
                    return


def absent(slab: LoadedSlab) -> Iterator[tuple[int, int]]:
    """Addresses and lengths of the chunks that are not wholly in memory, in the order in which they are needed; of all
    where the kernel does not say.

    Each is asked for when its turn comes: it may have come with its neighbours, and no call of the kernel takes long.
    """
    addresses = list(accumulate((chunk.length for chunk in slab.chunks), initial=slab.address))
    order = slab.order()
    needed = [slab.chunks[number] for number in order]
    groups = groupby(zip(needed, order, strict=True), key=lambda place: place[0].path)
    for path, group in groups:  # one file in a tar, many in a directory
        with _opened(path) as fd:
            yield from ((addresses[number], chunk.length) for chunk, number in group if not _is_there(fd, chunk))


@contextmanager
def _opened(path: Path) -> Generator[int | None, None, None]:
    """The file; None where it cannot be opened."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        yield None
        return
    try:
        yield fd
    finally:
        os.close(fd)


def _is_there(fd: int | None, chunk: Blob) -> bool:
    try:
        return fd is not None and (kernel.cached(fd, chunk.offset, chunk.length) or 0) >= chunk.length
    except InfcError:
        return False


# Those that were begun and not stopped, by their numbers. What is in the page cache counts as available all the same.
_claims: WeakValueDictionary[int, Loading] = WeakValueDictionary()
_numbers = count()


def available() -> int:
    """Bytes that the system can give without swapping. What a control group allows is not looked at."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
