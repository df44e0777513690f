"""The files that a pager reads chunks from, and the page cache's copies of what it has read."""

import errno
import os
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager, suppress
from threading import Condition, Thread
from types import TracebackType
from typing import Self

from . import kernel
from .arena import Place, identity_of

_BACKLOG = 1 << 16  # chunks that wait to be dropped; the kernel reclaims the pages of older ones by itself


class Source:
    """One file at a time, open as long as the next chunk is in it too. A context manager; one thread's."""

    def __init__(self) -> None:
        self._path = ""
        self._fd = -1

    def read(self, place: Place, buffer: memoryview) -> memoryview:
        """A chunk, whole, in the beginning of `buffer`.

        Raises:
            OSError: the file cannot be read, ends too early, or is not the one that was meant.
        """
        if self._path != place.path:
            self.close()
            self._fd = os.open(place.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            self._path = place.path
        if place.identity and place.identity != identity_of(self._fd):
            raise OSError(errno.ESTALE, f"{place.path} was replaced")
        done = 0
        while done < place.length:
            read = os.preadv(self._fd, [buffer[done : place.length]], place.offset + done)
            if not read:
                raise OSError(errno.ENODATA, f"{place.path} ends inside a chunk")
            done += read
        return buffer[:done]

    def close(self) -> None:
        """Closes the file, if there is one."""
        if self._fd >= 0:
            os.close(self._fd)
        self._path, self._fd = "", -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Sweeper:
    """Drops what an arena holds from the page cache, for which once in memory is enough.

    Dropping a chunk's pages takes the kernel as long as copying them: so it is done while nobody waits for a chunk.
    """

    def __init__(self) -> None:
        self._places: deque[Place] = deque(maxlen=_BACKLOG)
        self._busy = 0
        self._changed = Condition()
        Thread(target=self._run, name="sweep", daemon=True).start()

    @contextmanager
    def busy(self) -> Generator[None, None, None]:
        """Chunks are waited for meanwhile."""
        with self._changed:
            self._busy += 1
        try:
            yield
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify()

    def add(self, place: Place) -> None:
        """A chunk whose file's pages may go; called while `busy`."""
        self._places.append(place)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._places and not self._busy)
                place = self._places.popleft()
            with suppress(OSError):  # it is gone, and its pages with it
                fd = os.open(place.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
                try:
                    kernel.drop(fd, place.offset, place.length)
                finally:
                    os.close(fd)
