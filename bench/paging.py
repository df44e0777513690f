"""What `bench/memory.py` measures under a limit on memory: infc's trace policy against the kernel's own paging.

A process in a control group of its own reads a model's weights over and over, layer by layer, from their file on the
disk. Under one limit it does so by a plain mapping, where the kernel decides what stays, and with infc's policy.
"""

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from infc.runtime.artifact import CHUNK_SIZE, Artifact
from infc.runtime.memory import Mapping, kernel
from infc.runtime.memory.access import forward_pass
from infc.runtime.memory.backend import FileBacked
from infc.runtime.memory.migrator import THREADS
from infc.runtime.memory.pages import map_files
from infc.runtime.memory.policies import make_policy
from infc.runtime.memory.residency import Residency

from harness import Row, Side, row

PERCENT = (60, 75, 90, 95, 105)
AHEAD = 4  # chunks that are read before they are used
SPARED = 12 * CHUNK_SIZE  # bytes that infc leaves to what it reads and lets go, of the same limit
_OWN = 6 << 20  # what Python and the kernel's tables take of the limit, beside weights; given to both sides
_FIGURE = "trace policy against the kernel's own paging"


class UnlimitedError(Exception):
    """No control group can be made here; the text says why."""


def paging(path: Path, count: int, repetitions: int) -> list[Row]:
    """Seconds of a pass over the weights under limits of a part of them, balanced against the kernel."""
    sides: dict[str, Side] = {}
    ratios: list[float] = []
    try:
        for percent in PERCENT:
            limit = count * CHUNK_SIZE * percent // 100
            taken: dict[str, list[float]] = {"infc balanced": [], "kernel": []}
            for _ in range(repetitions):
                for name, samples in taken.items():
                    samples.append(_run(path, limit, name))
            each = {name: Side.of(samples) for name, samples in taken.items()}
            sides |= {f"{name}, room for {percent} %": side for name, side in each.items()}
            ratios.append(each["infc balanced"].median / each["kernel"].median)
    except UnlimitedError as error:
        return [
            row(f"{_FIGURE}, at its worst", "×", None, goal=("<=", 1.1), why=str(error)),
            row(f"{_FIGURE}, at its best", "×", None, goal=("<=", 0.8), why=str(error)),
        ]
    return [
        row(f"{_FIGURE}, at its worst", "×", max(ratios), sides, ("<=", 1.1)),
        row(f"{_FIGURE}, at its best", "×", min(ratios), goal=("<=", 0.8)),
    ]


def _run(path: Path, limit: int, side: str) -> float:
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=_child, args=(path, limit, side, theirs))
    with _group(limit + _OWN) as members:
        child.start()
        theirs.close()
        try:
            ours.recv()  # what it imported before is not charged to the group
            members.write_text(str(child.pid))
            ours.send(None)
            seconds: float = ours.recv()
        except EOFError:
            raise UnlimitedError(f"a process ended under its limit of {limit + _OWN} bytes") from None
        finally:
            child.kill()
            child.join()
    return seconds


@contextmanager
def _group(limit: int) -> Generator[Path, None, None]:
    """The file that takes the members of a new control group with a limit on memory; the group goes afterwards."""
    old = Path("/sys/fs/cgroup/memory")  # version 1 has a tree for memory alone
    parent, setting = (old, "memory.limit_in_bytes") if old.is_dir() else (Path("/sys/fs/cgroup"), "memory.max")
    group = parent / f"infc-bench-{os.getpid()}"
    try:
        group.mkdir()
        (group / setting).write_text(str(limit))
    except OSError as error:
        if group.is_dir():
            group.rmdir()
        raise UnlimitedError(f"needs a control group of its own with a limit on memory: {error}") from error
    try:
        yield group / "cgroup.procs"
    finally:
        group.rmdir()


def _child(path: Path, limit: int, side: str, to: Connection) -> None:
    with Artifact.open(path) as artifact:
        chunks = artifact.build().stages[0].slab.chunks
        mapping = map_files(artifact, chunks)
        fd = os.open(path, os.O_RDONLY)
        os.fsync(fd)
        kernel.drop(fd, 0, 0)  # what is in memory already would be charged to nobody
        os.close(fd)
        to.send(None)
        to.recv()
        to.send((_by_kernel if side == "kernel" else _by_infc)(artifact, chunks, mapping, limit))


def _by_kernel(artifact: Artifact, chunks: Sequence[str], mapping: Mapping, limit: int) -> float:
    """A plain mapping: each chunk is touched, and the kernel decides what stays and what it reads ahead."""

    def once() -> None:
        for number in range(len(chunks)):
            _use(mapping, number)

    return _passes(once)


def _by_infc(artifact: Artifact, chunks: Sequence[str], mapping: Mapping, limit: int) -> float:
    """What `balanced` keeps is pinned; what it keeps out is read ahead of its use, and let go behind it."""
    backend = FileBacked(artifact, chunks, mapping)
    room = limit if limit >= len(chunks) * CHUNK_SIZE else max(limit - SPARED, 0)
    residency = Residency(room, make_policy("balanced"))
    plan = forward_pass("model", chunks, [CHUNK_SIZE] * len(chunks), at=0.0, latency=1e-4, bandwidth=2.5e9)
    coming: dict[int, Future[bool]] = {}

    with ThreadPoolExecutor(THREADS) as threads:

        def once() -> None:
            for access in plan:
                change = residency.touch(access)
                for ahead in range(access.step, access.step + 1 + AHEAD):
                    number = ahead % len(plan)
                    if chunks[number] not in residency and number not in coming:
                        coming[number] = threads.submit(kernel.bring, mapping.address + number * CHUNK_SIZE, CHUNK_SIZE)
                for chunk in change.evicted:
                    backend.unpin(str(chunk))
                    backend.demote(str(chunk))
                if access.step in coming:
                    coming.pop(access.step).result()
                if change.resident and not change.hit:
                    backend.pin(chunks[access.step])
                _use(mapping, access.step)
                if not change.resident:
                    backend.demote(chunks[access.step])

        return _passes(once)


def _use(mapping: Mapping, number: int) -> None:
    at = number * CHUNK_SIZE
    np.frombuffer(mapping.view()[at : at + CHUNK_SIZE], np.uint64).sum()


def _passes(once: Callable[[], None]) -> float:
    """Seconds of a pass, when what stays is there."""
    once()
    once()
    taken: list[float] = []
    for _ in range(3):
        started = time.perf_counter()
        once()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)
