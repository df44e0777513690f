"""The system calls on memory and the page cache that Python and its well-kept packages lack. Linux, nothing else."""

import ctypes
import mmap
import os
from pathlib import Path

from infc.errors import InfcError

_CACHESTAT = 451  # the same number on every processor, as all calls since Linux 5.1
_ENOSYS = 38
_MADV_POPULATE_READ = 22  # Linux 5.14

_libc = ctypes.CDLL(None, use_errno=True)
for _name in ("madvise", "mlock", "munlock"):
    getattr(_libc, _name).argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int][: 3 if _name == "madvise" else 2]


class _Range(ctypes.Structure):
    _fields_ = (("offset", ctypes.c_uint64), ("length", ctypes.c_uint64))


class _Stat(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_uint64) for name in ("cached", "dirty", "writeback", "evicted", "recently_evicted")
    )


def forget(address: int, length: int) -> None:
    """Takes a range out of this process's page tables. Of a mapped file nothing is lost: the next touch maps it again.

    Raises:
        InfcError: the range is locked, or not mapped.
    """
    _check(_libc.madvise(address, length, mmap.MADV_DONTNEED), f"cannot unmap {length} bytes")


def lock(address: int, length: int) -> None:
    """Brings a mapped range into memory and keeps it there.

    Raises:
        InfcError: it is more than this process may lock, or more than there is.
    """
    _check(_libc.mlock(address, length), f"cannot lock {length} bytes in memory", "`ulimit -l` bounds it")


def unlock(address: int, length: int) -> None:
    """Undoes `lock`, however often it was called."""
    _check(_libc.munlock(address, length), f"cannot unlock {length} bytes")


def bring(address: int, length: int) -> bool:
    """Reads a mapped range, which begins on a page, and maps it, without copying it and without a signal.

    False where it could not be done: a kernel older than 5.14, a file that ends too early, no memory.
    """
    return _libc.madvise(address, length, _MADV_POPULATE_READ) == 0


def drop(fd: int, offset: int, length: int) -> None:
    """Asks the kernel to drop a range of a file from the page cache. What any process has mapped stays."""
    os.posix_fadvise(fd, offset, length, os.POSIX_FADV_DONTNEED)


def cached(fd: int, offset: int, length: int) -> int | None:
    """Bytes of a range of a file that are in the page cache, in whole pages; None where the kernel is older than 6.5.

    Raises:
        InfcError: the range's file cannot be asked about.
    """
    asked, stat = _Range(offset, length), _Stat()
    if _libc.syscall(_CACHESTAT, fd, ctypes.byref(asked), ctypes.byref(stat), 0):
        if ctypes.get_errno() == _ENOSYS:
            return None
        _check(-1, "cannot read the page cache's state")
    return int(stat.cached) * mmap.PAGESIZE


def proportional_bytes(process: int | str = "self") -> int:
    """What a process's memory comes to when every shared page is divided among those that share it (PSS).

    Raises:
        OSError: there is no such process, or it may not be looked at.
    """
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def _check(result: int, what: str, hint: str = "") -> None:
    if result:
        raise InfcError(f"{what}: {os.strerror(ctypes.get_errno())}", hint=hint)
