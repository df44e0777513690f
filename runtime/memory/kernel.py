"""The system calls on memory and the page cache that Python and its well-kept packages lack. Linux, nothing else."""

import ctypes
import errno
import fcntl
import mmap
import os
import platform
import struct
from pathlib import Path

from infc.errors import InfcError

_CACHESTAT = 451  # the same number on every processor, as all calls since Linux 5.1
_ENOSYS = 38
_MADV_POPULATE_READ = 22  # Linux 5.14

# Mounts of their own and seals have one number everywhere too; userfaultfd is older.
_FSOPEN, _FSCONFIG, _FSMOUNT, _MSEAL = 430, 431, 432, 462
_USERFAULTFD = {"x86_64": 323, "aarch64": 282}
_FSCONFIG_SET_STRING, _FSCONFIG_CREATE = 1, 6
_USER_MODE_ONLY = 1  # faults of the process itself, not of the kernel on its behalf: needs no privilege
_PUNCH_HOLE = 0x01 | 0x02  # with "keep size"

# linux/userfaultfd.h: API, REGISTER, UNREGISTER, WAKE and POISON, with the structs that they take.
_API, _REGISTER, _UNREGISTER, _WAKE, _POISON = 0xC018AA3F, 0xC020AA00, 0x8010AA01, 0x8010AA02, 0xC020AA08
_WRITEPROTECT = 0xC018AA06
_ABSENT, _UNMAPPED = 1, 4  # modes: no page there, and a page that this process has not mapped yet
_NEEDED = 1 << 5 | 1 << 10  # features: both of them on shared memory
_PAGE_FAULT = 0x12
_EVENT = struct.Struct("=B7xQQ8x")

_PERF = {"x86_64": 298, "aarch64": 241}
_PERF_SIZE = 112  # of perf_event_attr in Linux 4.1 and later
_PERF_ENABLE, _PERF_DISABLE = 0x2400, 0x2401
_PERF_HINT = "/proc/sys/kernel/perf_event_paranoid says who may; 2 is enough for this process's own"
_FALLBACK = "--backend files needs nothing of the kernel"

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


def read_ahead(address: int, length: int) -> None:
    """Asks the kernel to read a mapped range of a file, which begins on a page, and does not wait for it."""
    _libc.madvise(address, length, mmap.MADV_WILLNEED)


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


def new_faults() -> int:
    """A descriptor that this process's own page faults on registered ranges are read from, by whoever holds it.

    Raises:
        InfcError: the kernel has none, or not for shared memory, or does not let this process.
    """
    number = _USERFAULTFD.get(platform.machine())
    if number is None:
        raise InfcError(f"no userfaultfd known for {platform.machine()}", hint=_FALLBACK)
    fd = _libc.syscall(number, os.O_CLOEXEC | os.O_NONBLOCK | _USER_MODE_ONLY)
    if fd < 0:
        _check(-1, "userfaultfd is not allowed here", _FALLBACK)
    try:
        answer = bytearray(struct.pack("=QQQ", 0xAA, _NEEDED, 0))
        fcntl.ioctl(fd, _API, answer)
    except OSError as error:
        os.close(fd)
        raise InfcError(
            f"userfaultfd knows no faults on shared memory here: {error.strerror}", hint=_FALLBACK
        ) from error
    return fd


def trap(faults: int, address: int, length: int) -> None:
    """From now on, touching a page of the range that the process has not mapped waits for who reads the faults.

    Raises:
        OSError: the range is gone, or its process.
    """
    fcntl.ioctl(faults, _REGISTER, bytearray(struct.pack("=QQQQ", address, length, _ABSENT | _UNMAPPED, 0)))


def untrap(faults: int, address: int, length: int) -> None:
    """Undoes `trap`, and lets go on who waits.

    Raises:
        OSError: the range is gone, or its process.
    """
    fcntl.ioctl(faults, _UNREGISTER, struct.pack("=QQ", address, length))


def wake(faults: int, address: int, length: int) -> None:
    """Lets go on who waits on a range: it touches the page again, and waits again where nothing has changed.

    Raises:
        OSError: the range is gone, or its process.
    """
    fcntl.ioctl(faults, _WAKE, struct.pack("=QQ", address, length))


def poison(faults: int, address: int) -> None:
    """Whoever touches this page gets a SIGBUS: better than other bytes. Linux 6.6.

    Raises:
        OSError: the kernel is older, or the page is there.
    """
    page = address & -mmap.PAGESIZE
    fcntl.ioctl(faults, _POISON, bytearray(struct.pack("=QQQq", page, mmap.PAGESIZE, 0, 0)))


def is_alive(faults: int, address: int) -> bool:
    """Whether the process whose faults these are is there; an address of a range that traps.

    Asked by lifting a write protection that there is none of: only that tells a process that ended from no memory.
    """
    try:
        fcntl.ioctl(faults, _WRITEPROTECT, bytearray(struct.pack("=QQQ", address, mmap.PAGESIZE, 0)))
    except OSError as error:
        return error.errno != errno.ESRCH
    return True


def read_faults(faults: int) -> list[int]:
    """The addresses that were touched since the last time; none where nobody did."""
    try:
        data = os.read(faults, 64 * _EVENT.size)
    except BlockingIOError:
        return []
    return [address for event, _, address in _EVENT.iter_unpack(data) if event == _PAGE_FAULT]


def seal(address: int, length: int) -> bool:
    """Keeps a range mapped as it is until the process ends; False where the kernel is older than 6.10."""
    return _libc.syscall(_MSEAL, ctypes.c_void_p(address), ctypes.c_size_t(length), ctypes.c_ulong(0)) == 0


def punch(fd: int, offset: int, length: int) -> None:
    """Gives back the memory of a range of a file in memory. Whoever reads it, untrapped, reads zeros.

    Raises:
        InfcError: it is no such file.
    """
    _check(_libc.fallocate(fd, _PUNCH_HOLE, ctypes.c_int64(offset), ctypes.c_int64(length)), "cannot free memory")


def huge_folder() -> int | None:
    """A descriptor of an empty folder in memory, of huge pages, that has no path; None where this process may not.

    Needs CAP_SYS_ADMIN and Linux 5.2. It goes with its last descriptor.
    """
    context = _libc.syscall(_FSOPEN, b"tmpfs", 1)
    if context < 0:
        return None
    try:
        for key, value in ((b"huge", b"always"), (b"size", b"100%"), (b"mode", b"0700")):
            if _libc.syscall(_FSCONFIG, context, _FSCONFIG_SET_STRING, key, value, 0):
                return None
        if _libc.syscall(_FSCONFIG, context, _FSCONFIG_CREATE, None, None, 0):
            return None
        folder = _libc.syscall(_FSMOUNT, context, 1, 0)
        return None if folder < 0 else folder
    finally:
        os.close(context)


def open_perf(kind: int, config: int, config1: int, period: int, precise: int, thread: int) -> int:
    """A descriptor for samples of one thread's events, not started: instruction, thread, time and address of each.

    Args:
        kind: of event, as the kernel numbers them.
        config: which one.
        config1: more of that, for events of the processor.
        period: events for each sample.
        precise: how near the instruction has to be, 0 to 3.
        thread: its id.

    Raises:
        InfcError: there is no such event here, or this process may not.
    """
    number = _PERF.get(platform.machine())
    if number is None:
        raise InfcError(f"no perf events known for {platform.machine()}", hint=_PERF_HINT)
    flags = 1 | 1 << 5 | 1 << 6 | precise << 15  # not started, neither the kernel's nor a hypervisor's
    attributes = struct.pack("=IIQQQQQIIQ", kind, _PERF_SIZE, config, period, 0b1111, 0, flags, 0, 0, config1)
    fd = _libc.syscall(number, attributes.ljust(_PERF_SIZE, b"\0"), thread, -1, -1, 8)
    if fd < 0:
        _check(-1, "the kernel gives no samples", _PERF_HINT)
    return fd


def start_perf(fd: int) -> None:
    """Samples from now on."""
    fcntl.ioctl(fd, _PERF_ENABLE, 0)


def stop_perf(fd: int) -> None:
    """Samples no more."""
    fcntl.ioctl(fd, _PERF_DISABLE, 0)


def _check(result: int, what: str, hint: str = "") -> None:
    if result:
        raise InfcError(f"{what}: {os.strerror(ctypes.get_errno())}", hint=hint)
