"""Making many ranges of files one contiguous read-only range of memory, with page tables and without a copy.

The one place that calls `mmap` itself: the standard library's cannot place a mapping inside a reserved range.
"""

import ctypes
import mmap
import os
import weakref
from collections.abc import Iterable, Sequence

from infc.errors import ArtifactError

from . import kernel
from .room import counted

_MAP_FIXED = 0x10
_MAP_FIXED_NOREPLACE = 0x100000  # Linux 4.17; an older one takes the address for a wish
_MAP_NORESERVE = 0x4000
_PROT_NONE = 0
# How a part of a file lies in memory. Shared, not private: a descriptor that was opened read-only then rules out a
# writable mapping for good.
_OVER = mmap.MAP_SHARED | _MAP_FIXED  # whatever is there
_BESIDE = mmap.MAP_SHARED | _MAP_FIXED_NOREPLACE  # nothing that is there
_FAILED = ctypes.c_void_p(-1).value

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [
    ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int64,
]  # fmt: skip
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


_MANY = 8  # parts that are worth it to give up what is reserved for them


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
        if mapped(address, length, mmap.PROT_READ, _OVER, fd, offset) == _FAILED:
            raise _refused(length, where)


def place_in_gap(parts: Sequence[tuple[int, int, int]], fd: int) -> bool:
    """As `place_all`, to addresses that are not reserved: the kernel takes a third longer to replace a part of what is
    reserved. False, and nothing is mapped, where somebody else was there first, or the system has no room."""
    mapped = _libc.mmap
    for number, (address, length, offset) in enumerate(parts):
        found = mapped(address, length, mmap.PROT_READ, _BESIDE, fd, offset)
        if found != address:
            if found != _FAILED:
                unmap(found, length)
            for mine, size, _ in parts[:number]:
                unmap(mine, size)
            return False
    return True


def unmap(address: int, length: int) -> None:
    """Gives addresses back."""
    _libc.munmap(address, length)


def _give_back(address: int, length: int, parts: list[int]) -> None:
    unmap(address, length)
    counted(-parts[0])


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
        self._reserved = -(-length // mmap.PAGESIZE) * mmap.PAGESIZE
        self._parts = [0]  # shared with what gives the addresses back
        self._hold(reserve(self._reserved, where))

    def append(self, fd: int, *ranges: tuple[int, int]) -> None:
        """Maps ranges of a file, each an offset and a length in bytes, one behind the other, behind what is there.

        The descriptor may be closed afterwards.

        Raises:
            ArtifactError: an offset is not on a page, a range before another did not fill its last page, or the file is
                shorter.
        """
        size, filled = os.fstat(fd).st_size, self._filled
        parts: list[tuple[int, int, int]] = []  # place in the range, length, place in the file
        for offset, length in ranges:
            if not length:
                continue
            if (offset | filled) % mmap.PAGESIZE or filled + length > self.length or offset + length > size:
                raise self._misfit(offset, length, filled, size)
            parts.append((filled, length, offset))
            filled += length
        if not parts:
            return
        if filled < self.length or len(parts) < _MANY or not self._fill_gap(parts, fd):
            place_all([(self._base + at, length, offset) for at, length, offset in parts], fd, self._where)
        self._filled = filled
        self._parts[0] += len(parts)
        counted(len(parts))

    def _hold(self, base: int) -> None:
        self._base = base
        self._bytes = (ctypes.c_ubyte * self.length).from_address(base)
        self._held = weakref.finalize(self._bytes, _give_back, base, self._reserved, self._parts)
        self._held.atexit = False  # IREE's own threads and objects may still look at the pages then

    def _fill_gap(self, parts: Sequence[tuple[int, int, int]], fd: int) -> bool:
        """Fills the whole range where nothing was placed yet; else, or if it fails, it is reserved, maybe elsewhere."""
        if self._filled:
            return False
        base = self._base
        self._held.detach()  # in between the addresses are anybody's
        unmap(base, self._reserved)
        filled = place_in_gap([(base + at, length, offset) for at, length, offset in parts], fd)
        self._hold(base if filled else reserve(self._reserved, self._where))
        return filled

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
