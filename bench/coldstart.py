"""How long is it from weights that are on the disk only to the first answer?

BERT-base with random weights, 1×128, f32. Its file is dropped from the page cache before every sample, which
cachestat(2) confirms, and all of them are read from the disk, which the process's own count of bytes confirms: how many
by the time of the answer is a row of its own. The ceiling is reading the same bytes of the same file, with several
large reads at a time, past the page cache and through it.
"""

import gc
import mmap
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from infc.runtime.artifact import Artifact
from infc.runtime.memory import kernel
from infc.runtime.session import Session

from harness import Side, finish, interleave, parse_options, row
from peers import Files, prepared, versions

MIB = 1 << 20
DIRECT = {f"O_DIRECT, {n} readers of {size} MiB": (n, size * MIB) for n, size in ((4, 8), (8, 1))}
BUFFERED = {f"read through the page cache, {n} at a time": (n, 2 * MIB) for n in (1, 4)}
OVERLAPPED = "infc: runs while it loads"
ON_DEMAND = "infc: the kernel's own readahead"
AFTER = "infc: loads, then runs"
WARM = "infc, warm"


class Cold:
    """The artifact's weights as a range of its file, which each sample finds on the disk only."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.artifact = Artifact.open(files.artifact)
        blobs = [self.artifact.blob(chunk) for chunk in self.artifact.build().stages[0].slab.chunks]
        self.start = min(blob.offset for blob in blobs)
        self.end = max(blob.offset + blob.length for blob in blobs)
        self.fd = os.open(files.artifact, os.O_RDONLY)
        os.fsync(self.fd)  # what was not written yet cannot be dropped
        self.fewest = 1.0  # of all samples, the smallest part of the weights that was read from the disk
        self.early: list[float] = []  # percent of them that had been read when the answer came
        self.whole: list[float] = []  # milliseconds until they were all in memory

    def drop(self) -> None:
        """Take the file out of the page cache, or end the benchmark."""
        gc.collect()  # sessions that still map it
        kernel.drop(self.fd, 0, 0)
        left = kernel.cached(self.fd, self.start, self.end - self.start)
        if left:
            raise SystemExit(f"{left} bytes of {self.files.artifact} stay in the page cache: nothing can be measured")

    def timed(self, work: Callable[[], object]) -> Callable[[], float]:
        """A side: the milliseconds of `work`, which reads cold weights."""

        def measure() -> float:
            self.drop()
            before, started = disk_bytes(), time.perf_counter()
            work()
            milliseconds = (time.perf_counter() - started) * 1000
            self.fewest = min(self.fewest, (disk_bytes() - before) / (self.end - self.start))
            return milliseconds

        return measure

    def read(self, readers: int, size: int, flags: int = 0) -> None:
        """Read the weights with so many threads, `size` bytes at a time."""
        starts = iter(range(self.start // size * size, self.end, size))
        turn = threading.Lock()

        def work() -> None:
            fd = os.open(self.files.artifact, os.O_RDONLY | flags)
            with mmap.mmap(-1, size) as buffer:
                while True:
                    with turn:
                        at = next(starts, None)
                    if at is None:
                        break
                    os.preadv(fd, [buffer], at)
            os.close(fd)

        threads = [threading.Thread(target=work) for _ in range(readers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def answered(self, *, ahead: bool = True, load_first: bool = False) -> Callable[[], float]:
        """A side: the milliseconds to the answer from cold weights."""

        def measure() -> float:
            self.drop()
            return self.answer(ahead=ahead, load_first=load_first)

        return measure

    def answer(self, *, ahead: bool = True, load_first: bool = False) -> float:
        """Open, attach, call once, and compare with PyTorch: the milliseconds to the answer.

        What is not in memory then is waited for, so that the next sample finds it gone.
        """
        before, started = disk_bytes(), time.perf_counter()
        with Artifact.open(self.files.artifact) as artifact, Session.attach(artifact) as session:
            if not ahead:
                session.loading.stop()
            if load_first:
                session.loading.wait()
            [found] = session.run(self.files.inputs).values()
            milliseconds = (time.perf_counter() - started) * 1000
            early = (disk_bytes() - before) / (self.end - self.start)
            session.loading.wait()
            if ahead and not load_first:
                self.early.append(early * 100)
                self.whole.append((time.perf_counter() - started) * 1000)
                self.fewest = min(self.fewest, (disk_bytes() - before) / (self.end - self.start))
            if not np.allclose(found, self.files.expected, atol=1e-3):
                raise SystemExit("infc's answer on cold weights is not PyTorch's")
        return milliseconds


def disk_bytes() -> int:
    """Bytes that this process has had read from a disk."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("read_bytes:"))


def warm(cold: Cold) -> Callable[[], float]:
    """The same first answer with the weights in the page cache."""

    def measure() -> float:
        cold.read(1, 4 * MIB)
        return cold.answer(load_first=True)

    return measure


def main() -> None:
    options = parse_options(__doc__ or "")
    with prepared("bert_tiny" if options.quick else "bert_base") as files:
        cold = Cold(files)
        reads = {name: cold.timed(lambda how=how: cold.read(*how, os.O_DIRECT)) for name, how in DIRECT.items()}
        reads |= {name: cold.timed(lambda how=how: cold.read(*how)) for name, how in BUFFERED.items()}
        answers = {
            OVERLAPPED: cold.answered(),
            ON_DEMAND: cold.answered(ahead=False),
            AFTER: cold.answered(load_first=True),
        }
        sides = interleave({**reads, **answers, WARM: warm(cold)}, 3 if options.quick else 31)
    best: Side = min((sides[name] for name in reads), key=lambda side: side.median)
    megabytes = (cold.end - cold.start) / 1e6
    rows = [
        row("first answer from cold weights", "ms", sides[OVERLAPPED].median, sides),
        row(
            "first answer against reading the weights",
            "×",
            sides[OVERLAPPED].median / best.median,
            goal=("<=", 1.1),
            why="against the fastest of the ways to read, by their medians",
        ),
        row("against the kernel's own readahead", "×", sides[OVERLAPPED].median / sides[ON_DEMAND].median),
        row("against loading first", "×", sides[OVERLAPPED].median / sides[AFTER].median),
        row(
            "read when the answer came",
            "% of the weights",
            median(cold.early),
            why="of the embedding table a call reads a few rows: the rest of it comes last",
        ),
        row("until all weights are in memory", "ms", median(cold.whole)),
        row("reading the weights", "MB/s", megabytes / best.median * 1000),
        row("read from the disk, at least", "% of the weights", cold.fewest * 100, goal=(">=", 99)),
    ]
    finish("coldstart", rows, options, versions())


if __name__ == "__main__":
    main()
