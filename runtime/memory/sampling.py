"""Which chunks a call really touched, in which order: sampled by the kernel, or by the processor where it can."""

import mmap
import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from infc.errors import InfcError

from . import kernel

_SOFTWARE, _PAGE_FAULTS = 1, 2
_RING = 64  # pages of each thread's buffer, a power of two
_HEAD, _TAIL = 1024, 1032  # in the first page of a buffer: how far the kernel has written, how far we have read
_SAMPLE, _LOST = 9, 2
_RECORD = struct.Struct("=IHH")
_TOUCH = struct.Struct("=QIIQQ")
_PERIOD = 1009  # loads between two samples of the processor's; a prime, so that it does not fall in step with a loop
_DEVICES = Path("/sys/bus/event_source/devices")


class Touch(NamedTuple):
    """One sample: the instruction's address, the thread, nanoseconds of the kernel's clock, and the address touched."""

    instruction: int
    thread: int
    at: int
    address: int


@dataclass(frozen=True, slots=True)
class Sampler:
    """What can be sampled. `weight` is how many touches one sample stands for.

    `page-faults` sees the first touch of each page that is not in the page tables, so that they have to be emptied
    before: `Session.release`. `pebs` and `ibs` see every so many loads of a program as it runs.
    """

    name: str
    kind: int
    config: int
    config1: int
    weight: int
    precise: int


PAGE_FAULTS = Sampler("page-faults", _SOFTWARE, _PAGE_FAULTS, 0, 1, 0)


def hardware_sampler() -> Sampler:
    """The processor's own sampling of loads: PEBS on Intel's, IBS on AMD's.

    Raises:
        InfcError: it has none, or this process may not use it; the message says which.
    """
    if (_DEVICES / "ibs_op").is_dir():
        found = Sampler("ibs", _number(_DEVICES / "ibs_op" / "type"), 0, 0, _PERIOD, 0)
    elif (
        _number(_DEVICES / "cpu" / "caps" / "max_precise") > 0 and (_DEVICES / "cpu" / "events" / "mem-loads").exists()
    ):
        text = (_DEVICES / "cpu" / "events" / "mem-loads").read_text().strip()
        fields: dict[str, str] = dict(re.findall(r"(\w+)=(\w+)", text))
        config = int(fields.get("event", "0"), 0) | int(fields.get("umask", "0"), 0) << 8
        found = Sampler(
            "pebs", _number(_DEVICES / "cpu" / "type"), config, int(fields.get("ldlat", "3"), 0), _PERIOD, 2
        )
    else:
        raise InfcError(
            "no hardware samples of memory: this machine shows no PMU with PEBS or IBS",
            hint="virtual machines rarely have one; page faults are sampled instead",
        )
    os.close(kernel.open_perf(found.kind, found.config, found.config1, found.weight, found.precise, os.getpid()))
    return found


class Sampling:
    """Samples all threads that this process has when it begins. A context manager; `touches` when it is over.

    Raises:
        InfcError: the kernel does not let this process.
    """

    def __init__(self, sampler: Sampler) -> None:
        self._buffers: list[tuple[int, mmap.mmap]] = []
        self.lost = 0
        try:
            for thread in sorted(int(each.name) for each in Path("/proc/self/task").iterdir()):
                fd = kernel.open_perf(
                    sampler.kind, sampler.config, sampler.config1, sampler.weight, sampler.precise, thread
                )
                self._buffers.append((fd, mmap.mmap(fd, (1 + _RING) * mmap.PAGESIZE)))
        except OSError as error:
            self._close()
            raise InfcError(
                f"no memory for samples: {error.strerror}", hint="/proc/sys/kernel/perf_event_mlock_kb bounds it"
            ) from error
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> "Sampling":
        for fd, _ in self._buffers:
            kernel.start_perf(fd)
        return self

    def __exit__(self, *_: object) -> None:
        for fd, _buffer in self._buffers:
            kernel.stop_perf(fd)

    def touches(self) -> list[Touch]:
        """What was sampled, in the order in which it happened. Ends the sampling."""
        found = sorted((each for _, buffer in self._buffers for each in self._read(buffer)), key=lambda touch: touch.at)
        self._close()
        return found

    def _read(self, buffer: mmap.mmap) -> Iterator[Touch]:
        (head,) = struct.unpack_from("=Q", buffer, _HEAD)
        (tail,) = struct.unpack_from("=Q", buffer, _TAIL)
        size = _RING * mmap.PAGESIZE
        ring = buffer[mmap.PAGESIZE : mmap.PAGESIZE + size] * 2  # a record may go round the end
        while tail < head:
            at = tail % size
            kind, _, length = _RECORD.unpack_from(ring, at)
            if kind == _SAMPLE:
                instruction, _, thread, when, address = _TOUCH.unpack_from(ring, at + _RECORD.size)
                yield Touch(instruction, thread, when, address)
            elif kind == _LOST:
                self.lost += struct.unpack_from("=QQ", ring, at + _RECORD.size)[1]
            tail += length

    def _close(self) -> None:
        for fd, ring in self._buffers:
            ring.close()
            os.close(fd)
        self._buffers.clear()


def _number(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0
