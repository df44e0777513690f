"""Making many ranges of files one contiguous read-only range of memory, with page tables and without a copy.

The one place that calls `mmap` itself: the standard library's cannot place a mapping inside a reserved range.
"""

import ctypes
import mmap
import os
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from infc.errors import ArtifactError

_MAP_FIXED = 0x10
_MAP_NORESERVE = 0x4000
_PROT_NONE = 0
_FAILED = ctypes.c_void_p(-1).value

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [
    ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int64,
]  # fmt: skip
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


@dataclass(frozen=True, slots=True)
class Extent:
    """`length` bytes of an open file from `offset`. The descriptor is needed only while the mapping is made."""

    fd: int
    offset: int
    length: int


class Mapping:
    """Extents, one after the other, as one range of read-only memory shared with every process that maps the files.

    The pages stay mapped until `close` was called and the last `view` (or array, or IREE buffer made of one) is gone,
    so that no order of closing leaves a pointer into nowhere.

    Args:
        extents: in order. Offsets are multiples of the page size; so are the lengths, but for the last.
        where: the file that errors name.

    Raises:
        ArtifactError: an offset or length does not allow it, a file is shorter than its extent, or the system
            refuses the mapping.
    """

    def __init__(self, extents: Sequence[Extent], *, where: str) -> None:
        self.length = sum(extent.length for extent in extents)
        _check(extents, where)
        if not self.length:
            self._bytes: ctypes.Array[ctypes.c_ubyte] | None = (ctypes.c_ubyte * 0)()
            return
        reserved = -(-self.length // mmap.PAGESIZE) * mmap.PAGESIZE
        base = _mmap(None, reserved, _PROT_NONE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE, -1, 0, where)
        self._bytes = (ctypes.c_ubyte * self.length).from_address(base)
        weakref.finalize(self._bytes, _libc.munmap, base, reserved)
        at = base
        for extent in _merged(extents):
            # Shared, not private: a descriptor that was opened read-only then rules out a writable mapping for good.
            _mmap(at, extent.length, mmap.PROT_READ, mmap.MAP_SHARED | _MAP_FIXED, extent.fd, extent.offset, where)
            at += extent.length

    @property
    def address(self) -> int:
        """Where the range begins in this process."""
        return ctypes.addressof(self._open())

    def view(self) -> memoryview:
        """All bytes, read-only, not copied."""
        return memoryview(self._open()).cast("B").toreadonly()

    def close(self) -> None:
        """Lets the pages go when nothing uses them any more. May be called twice."""
        self._bytes = None

    def _open(self) -> "ctypes.Array[ctypes.c_ubyte]":
        if self._bytes is None:
            raise ValueError("the mapping is closed")
        return self._bytes


def _check(extents: Sequence[Extent], where: str) -> None:
    sizes: dict[int, int] = {}
    for number, extent in enumerate(extents):
        if extent.offset % mmap.PAGESIZE:
            raise ArtifactError(
                f"{where}: a blob begins at byte {extent.offset}, not on a page of {mmap.PAGESIZE} bytes, "
                "so it cannot be mapped",
                hint="the tar was repacked by another tool; unpack it and use the directory, or compile again",
            )
        if extent.length % mmap.PAGESIZE and number + 1 < len(extents):
            raise ArtifactError(
                f"{where}: a chunk of {extent.length} bytes, not the last, does not fill pages of {mmap.PAGESIZE}"
            )
        if extent.fd not in sizes:
            sizes[extent.fd] = os.fstat(extent.fd).st_size
        if extent.offset + extent.length > sizes[extent.fd]:
            # Touching a page past the end would kill the process with SIGBUS.
            raise ArtifactError(
                f"{where}: the file has {sizes[extent.fd]} bytes, but a blob ends at {extent.offset + extent.length}",
                hint="the file was truncated after it was opened; fetch or compile it again",
            )


def _merged(extents: Sequence[Extent]) -> Iterable[Extent]:
    """Neighbours in one file become one extent: one system call, and one entry in the kernel's list of mappings."""
    pending: Extent | None = None
    for extent in extents:
        if pending and pending.fd == extent.fd and pending.offset + pending.length == extent.offset:
            pending = Extent(pending.fd, pending.offset, pending.length + extent.length)
            continue
        if pending:
            yield pending
        pending = extent if extent.length else None
    if pending:
        yield pending


def _mmap(address: int | None, length: int, protection: int, flags: int, fd: int, offset: int, where: str) -> int:
    mapped = _libc.mmap(address, length, protection, flags, fd, offset)
    if mapped == _FAILED:
        code = ctypes.get_errno()
        raise ArtifactError(
            f"{where}: cannot map {length} bytes: {os.strerror(code)}",
            hint="the system limits mappings (vm.max_map_count) or address space (ulimit -v)",
        )
    return mapped
