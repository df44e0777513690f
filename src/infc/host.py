"""What this machine offers: processor and kernel features, detected and never changed."""

import ctypes
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# What IREE's code and infc's kernels are faster with, as /proc/cpuinfo spells it (x86-64, then Arm).
CPU_FEATURES = (
    *("avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512bw", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8"),
    *("asimd", "asimddp", "i8mm", "bf16", "sve", "sve2"),
)
# Linux system calls that the standard library has no function for, by machine.
_LANDLOCK_CREATE_RULESET = {"x86_64": 444, "aarch64": 444}
_USERFAULTFD = {"x86_64": 323, "aarch64": 282}
_LANDLOCK_VERSION_FLAG = 1
_UFFD_USER_MODE_ONLY = 1


@dataclass(frozen=True)
class Processor:
    """The CPU: its name, the cores that this process may use, and which of `CPU_FEATURES` it has."""

    model: str
    cores: int
    features: tuple[str, ...]


@dataclass(frozen=True)
class KernelFeature:
    """One kernel feature: whether it can be used by this process, and what was found."""

    name: str
    available: bool
    detail: str


def processor() -> Processor:
    """Read the CPU's description from /proc/cpuinfo; empty where the system has none."""
    fields: dict[str, str] = {}
    for line in _read("/proc/cpuinfo").splitlines():
        key, separator, value = line.partition(":")
        if separator:
            fields.setdefault(key.strip(), value.strip())
    flags = set(fields.get("flags", fields.get("Features", "")).split())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    model = fields.get("model name") or platform.processor() or platform.machine()
    return Processor(model, cores, tuple(name for name in CPU_FEATURES if name in flags))


def kernel_features() -> tuple[KernelFeature, ...]:
    """Look for everything that the pool's memory and sandboxes use when it is there."""
    return (
        _landlock(),
        _seccomp(),
        _userfaultfd(),
        _huge_pages(),
        _transparent_huge_pages(),
        _memfd(),
        _perf_events(),
        _samples(),
    )


def _landlock() -> KernelFeature:
    number = _LANDLOCK_CREATE_RULESET.get(platform.machine())
    abi = -1 if number is None else _syscall(number, None, 0, _LANDLOCK_VERSION_FLAG)
    return KernelFeature("landlock", abi > 0, f"ABI {abi}" if abi > 0 else "not in this kernel or switched off")


def _seccomp() -> KernelFeature:
    actions = _read("/proc/sys/kernel/seccomp/actions_avail").split()
    return KernelFeature("seccomp", "errno" in actions, ", ".join(actions) or "no filters in this kernel")


def _userfaultfd() -> KernelFeature:
    number = _USERFAULTFD.get(platform.machine())
    everything = _opens(number, os.O_CLOEXEC)
    if everything:
        return KernelFeature("userfaultfd", True, "faults of user and kernel")
    own = _opens(number, os.O_CLOEXEC | _UFFD_USER_MODE_ONLY)  # which is all that the arena needs
    return KernelFeature("userfaultfd", own, "faults of user only" if own else "not permitted")


def _opens(number: int | None, flags: int) -> bool:
    """Whether a system call that makes a descriptor succeeds; the descriptor is closed again."""
    descriptor = -1 if number is None else _syscall(number, flags)
    if descriptor < 0:
        return False
    os.close(descriptor)
    return True


def _huge_pages() -> KernelFeature:
    folder = "/sys/kernel/mm/hugepages/hugepages-2048kB"
    total, free = _read(f"{folder}/nr_hugepages"), _read(f"{folder}/free_hugepages")
    return KernelFeature("huge pages", total not in ("", "0"), f"{free or 0} of {total or 0} pages of 2 MiB free")


def _transparent_huge_pages() -> KernelFeature:
    anonymous = _chosen("/sys/kernel/mm/transparent_hugepage/enabled")
    shared = _chosen("/sys/kernel/mm/transparent_hugepage/shmem_enabled")
    available = anonymous in ("always", "madvise")
    return KernelFeature("transparent huge pages", available, f"anonymous: {anonymous}, shared memory: {shared}")


def _memfd() -> KernelFeature:
    create: Callable[[str], int] | None = getattr(os, "memfd_create", None)
    if create is None:
        return KernelFeature("memfd", False, "not on this system")
    try:
        os.close(create("infc-doctor"))
    except OSError as error:
        return KernelFeature("memfd", False, str(error))
    return KernelFeature("memfd", True, "")


def _perf_events() -> KernelFeature:
    paranoid = _read("/proc/sys/kernel/perf_event_paranoid")
    hardware = any(
        Path(f"/sys/bus/event_source/devices/{name}").exists() for name in ("cpu", "cpu_core", "armv8_pmuv3_0")
    )
    detail = f"perf_event_paranoid {paranoid or 'unknown'}, {'with' if hardware else 'no'} hardware counters"
    return KernelFeature("perf events", paranoid != "", detail)


def _samples() -> KernelFeature:
    devices = Path("/sys/bus/event_source/devices")
    if (devices / "ibs_op").exists():
        return KernelFeature("memory samples", True, "IBS")
    if _read(str(devices / "cpu/caps/max_precise")) not in ("", "0"):
        return KernelFeature("memory samples", True, "PEBS")
    return KernelFeature(
        "memory samples", False, "unavailable: no PMU with PEBS or IBS; page faults are sampled instead"
    )


def _syscall(number: int, *arguments: int | None) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.syscall(ctypes.c_long(number), *(ctypes.c_long(value or 0) for value in arguments))


def _chosen(path: str) -> str:
    """The word in brackets of a kernel setting such as `always [madvise] never`."""
    return _read(path).partition("[")[2].partition("]")[0] or "none"


def _read(path: str) -> str:
    """A kernel file's text, stripped; empty when it is not there or not readable."""
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
