"""Making many ranges of files one contiguous read-only range of memory, with page tables and without a copy.

The one place that calls `mmap` itself: the standard library's cannot place a mapping inside a reserved range.
"""

import ctypes
import mmap
import os
import weakref
from collections.abc import Iterable
from pathlib import Path
from threading import RLock

from infc.errors import ArtifactError

from . import kernel

_MAP_FIXED = 0x10
_MAP_NORESERVE = 0x4000
_PROT_NONE = 0
_PLACED = mmap.MAP_SHARED | _MAP_FIXED  # how a part of a file lies in a reserved range
_FAILED = ctypes.c_void_p(-1).value

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [
    ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int64,
]  # fmt: skip
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


# The kernel bounds how many mappings a process has, and what comes beyond it fails wherever it may be: in an allocator,
# in a thread's start. So the last of them are left to those who cannot say what is wrong.
LIMIT = Path("/proc/sys/vm/max_map_count")
_LEFT = 16  # one of so many is not for weights
_placed = 0
_sure = 0  # up to so many of ours nobody has to count
_counting = RLock()


def room_for(parts: int, where: str) -> None:
    """Looks whether this process may have so many mappings more, before any of them is made.

    Raises:
        ArtifactError: it may not. Says how many it has, and what the limit is.
    """
    global _sure
    if _placed + parts < _sure:
        return
    limit = int(LIMIT.read_text())
    if _placed + parts < limit // _LEFT:
        _sure = limit // _LEFT
        return
    with Path("/proc/self/maps").open("rb") as maps:
        have = sum(1 for _ in maps)
    room = limit - limit // _LEFT - have
    if parts > room:
        raise ArtifactError(
            f"{where}: its weights are {parts} mappings; this process has {have}, and the system's limit is {limit}",
            hint="raise it (`sysctl vm.max_map_count`), serve fewer models, or `--backend arena`, which needs few",
        )
    # Counting takes microseconds for each mapping that there is: not again before an eighth of the room is taken by us.
    _sure = _placed + room // 8


def _counted(parts: int) -> None:
    global _placed
    # Reentrant, because giving back may come in the middle of it; what is then lost counts too much, not too little.
    with _counting:
        _placed += parts


def reserve(length: int, where: str) -> int:
    """Addresses that nothing is at, for `place`; where they begin. `where` is what errors name.

    Raises:
        ArtifactError: the system has no room for them.
    """
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE
    address = _libc.mmap(None, length, _PROT_NONE, flags, -1, 0)
    if address == _FAILED:
        raise _refused(length, where)
    return address


def place(address: int, length: int, fd: int, offset: int, where: str) -> None:
    """Maps a range of a file to reserved addresses, read-only and shared.

    Raises:
        ArtifactError: the system has no room for it.
    """
    place_all([(address, length, offset)], fd, where)


def place_all(parts: Iterable[tuple[int, int, int]], fd: int, where: str) -> None:
    """Maps ranges of one file to reserved addresses, read-only and shared.

    Args:
        parts: the address, the length and the place in the file of each, in bytes.
        fd: the file, open for reading.
        where: what errors name.

    Raises:
        ArtifactError: the system has no room for one of them.
    """
    mapped = _libc.mmap  # a model has hundreds: nothing but the kernel's call is between them
    for address, length, offset in parts:
        # Shared, not private: a descriptor that was opened read-only then rules out a writable mapping for good.
        if mapped(address, length, mmap.PROT_READ, _PLACED, fd, offset) == _FAILED:
            raise _refused(length, where)


def unmap(address: int, length: int) -> None:
    """Gives addresses back."""
    _libc.munmap(address, length)


def _give_back(address: int, length: int, parts: list[int]) -> None:
    unmap(address, length)
    _counted(-parts[0])


def _refused(length: int, where: str) -> ArtifactError:
    return ArtifactError(
        f"{where}: cannot map {length} bytes: {os.strerror(ctypes.get_errno())}",
        hint="the system limits mappings (vm.max_map_count) or address space (ulimit -v)",
    )


class Mapping:
    """A range of memory that file ranges are put into one after the other, read-only and shared with other processes.

    The pages stay mapped until `close` was called and the last `view` (or array, or IREE buffer made of one) is gone,
    so that no order of closing leaves a pointer into nowhere.

    Args:
        length: bytes of all file ranges together.
        where: the file that errors name.

    Raises:
        ArtifactError: the system has no room for a range of that length.
    """

    def __init__(self, length: int, *, where: str) -> None:
        self.length = length
        self._where = where
        self._filled = 0
        self._base = 0
        self._bytes: ctypes.Array[ctypes.c_ubyte] | None = None
        if not length:
            self._bytes = (ctypes.c_ubyte * 0)()
            return
        reserved = -(-length // mmap.PAGESIZE) * mmap.PAGESIZE
        self._base = reserve(reserved, where)
        self._bytes = (ctypes.c_ubyte * length).from_address(self._base)
        self._parts = [0]  # shared with what gives the addresses back
        # Not at exit: IREE's own threads and objects may still look at the pages then.
        weakref.finalize(self._bytes, _give_back, self._base, reserved, self._parts).atexit = False

    def append(self, fd: int, *ranges: tuple[int, int]) -> None:
        """Maps ranges of a file, each an offset and a length in bytes, one behind the other, behind what is there.

        The descriptor may be closed afterwards.

        Raises:
            ArtifactError: an offset is not on a page, a range before another did not fill its last page, or the file is
                shorter.
        """
        size, filled = os.fstat(fd).st_size, self._filled
        parts: list[tuple[int, int, int]] = []  # address, length, offset
        for offset, length in ranges:
            if not length:
                continue
            if (offset | filled) % mmap.PAGESIZE or filled + length > self.length or offset + length > size:
                raise self._misfit(offset, length, filled, size)
            parts.append((self._base + filled, length, offset))
            filled += length
        if not parts:
            return
        place_all(parts, fd, self._where)
        self._filled = filled
        self._parts[0] += len(parts)
        _counted(len(parts))

    def _misfit(self, offset: int, length: int, filled: int, size: int) -> ArtifactError:
        if offset % mmap.PAGESIZE:
            return ArtifactError(
                f"{self._where}: a blob begins at byte {offset}, not on a page of {mmap.PAGESIZE} bytes, "
                "so it cannot be mapped",
                hint="the tar was repacked by another tool; unpack it and use the directory, or compile again",
            )
        if filled % mmap.PAGESIZE or filled + length > self.length:
            return ArtifactError(
                f"{self._where}: {length} bytes do not fit behind {filled} of {self.length}, "
                f"which must be whole pages of {mmap.PAGESIZE}",
                hint="is the artifact whole? `infc verify` checks every byte",
            )
        # Touching a page past the end would kill the process with SIGBUS.
        return ArtifactError(
            f"{self._where}: the file has {size} bytes, but a blob ends at {offset + length}",
            hint="the file was truncated after it was opened; fetch or compile it again",
        )

    @property
    def address(self) -> int:
        """Where the range begins in this process."""
        return self._base

    def view(self) -> memoryview:
        """All bytes, read-only, not copied.

        Raises:
            ValueError: the mapping is closed, or not filled to its length.
        """
        if self._bytes is None or self._filled != self.length:
            raise ValueError("the mapping is closed or incomplete")
        return memoryview(self._bytes).cast("B").toreadonly()

    def release(self, offset: int, length: int) -> None:
        """Takes a part out of this process's page tables. It comes back when it is touched, from the same file.

        Raises:
            InfcError: the part is locked, or outside of the mapping.
        """
        if self._bytes is not None:
            kernel.forget(self._base + offset, length)

    def close(self) -> None:
        """Lets the pages go when nothing uses them any more. May be called twice."""
        self._bytes = None
