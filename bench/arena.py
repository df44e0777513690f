"""What `bench/memory.py` measures of attaching, of the paged arena and of the statistics."""

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from infc.errors import InfcError
from infc.runtime.artifact import CHUNK_SIZE, Artifact
from infc.runtime.memory.arena_backend import ArenaBacked
from infc.runtime.memory.arena_mapping import ArenaMapping
from infc.runtime.memory.backend import FileBacked
from infc.runtime.memory.migrator import Migrator
from infc.runtime.memory.paged import PagedArena
from infc.runtime.memory.pages import Pages, map_files
from infc.runtime.memory.policies import make_policy
from infc.runtime.memory.promotion import Promotion
from infc.runtime.memory.residency import Residency

from harness import Row, interleave, row

_PAGE = 4096


class Files:
    """The page cache's side of an artifact's chunks."""

    def __init__(self, artifact: Artifact, chunks: tuple[str, ...]) -> None:
        self.chunks = chunks
        self.backend = FileBacked(artifact, chunks)


def attaching(path: Path, repetitions: int) -> list[Row]:
    """Milliseconds to make a slab that is in memory part of a process: from the page cache, and from an arena."""
    with Artifact.open(path) as artifact:
        chunks = artifact.build().stages[0].slab.chunks
        size = len(chunks) * CHUNK_SIZE
        files = FileBacked(artifact, chunks)
        for chunk in chunks:
            files.promote(chunk)
        sides: dict[str, Callable[[], float]] = {
            "infc attach, page cache": lambda: _attach(lambda: map_files(artifact, chunks))
        }
        touching: dict[str, Callable[[], float]] = {
            "infc attach and touch, page cache": lambda: _attach(lambda: map_files(artifact, chunks), touch=True)
        }
        paged, why = _paged()
        if paged is not None:
            slots = paged.slots(artifact, chunks)
            paged.fill(slots)
            for chunk in chunks:  # the pager has let the files go
                files.promote(chunk)
            sides["infc attach, arena"] = lambda: _attach_arena(paged, slots, size)
            touching["infc attach and touch, arena"] = lambda: _attach_arena(paged, slots, size, touch=True)
        attached, touched = interleave(sides, repetitions), interleave(touching, repetitions)
        if paged is not None:
            paged.close()
        arena = attached["infc attach, arena"].median if paged and paged.arena.huge else None
        mb = f"{size / 1e6:.0f} MB"
        return [
            row(f"attach {mb}, warm page cache", "ms", attached["infc attach, page cache"].median, attached, ("<=", 5)),
            row(f"attach {mb}, arena of huge pages", "ms", arena, goal=("<=", 1), why="" if arena else why),
            row(
                f"attach {mb} and touch every page", "ms", touched["infc attach and touch, page cache"].median, touched
            ),
        ]


def arena(path: Path, other: Path, repetitions: int) -> list[Row]:
    """How fast a migrator fills an arena whose frames held another model before, from files in the page cache.

    As in a pool that is full: each model's frames become the other one's. And how fast a pager empties it.
    """
    figure, evicting = "DRAM promotion into a prefaulted arena, of memcpy", "eviction, huge frames"
    with Artifact.open(path) as artifact:
        count = len(artifact.build().stages[0].slab.chunks)
    paged, why = _paged(spares=count)
    if paged is None or not paged.arena.huge:
        if paged is not None:
            paged.close()
        return [
            row(figure, "%", None, goal=(">=", 50), why=why),
            row(evicting, "ms a MiB", None, goal=("<=", 0.02), why=why),
        ]
    with Artifact.open(path) as artifact, Artifact.open(other) as another:
        chunks = artifact.build().stages[0].slab.chunks
        size = len(chunks) * CHUNK_SIZE
        giving = PagedArena()  # without spare frames: each goes back to the kernel
        given = giving.slots(artifact, chunks)
        migrator = Migrator(Residency(0, make_policy("balanced")))  # nothing is kept: each call brings in everything
        files: dict[str, Files] = {}
        for name, each in (("one", artifact), ("other", another)):
            theirs = each.build().stages[0].slab.chunks
            files[name] = Files(each, theirs)
            promotion = Promotion(each, theirs, checked=True, backend=ArenaBacked(paged, each, theirs))
            migrator.add(name, promotion, checked=True, loaded=False)
        source, target = np.ones(size, np.uint8), np.ones(size, np.uint8)

        def fill() -> float:
            taken = [_promote(migrator, name, each) for name, each in files.items()]
            return size / statistics.median(taken) / 1e9

        def copy() -> float:
            return size / _seconds(lambda: np.copyto(target, source)) / 1e9

        def empty() -> float:
            giving.fill(given)
            _swept(files["one"])
            return _seconds(lambda: giving.empty(given)) * 1000 / (size >> 20)

        filled = interleave({"infc fill": fill, "memcpy": copy}, repetitions)
        emptied = interleave({"infc empty": empty}, repetitions)
        migrator.close()
        giving.close()
    paged.close()
    share = 100 * filled["infc fill"].median / filled["memcpy"].median
    return [
        row(figure, "%", share, filled, (">=", 50)),
        row(evicting, "ms a MiB", emptied["infc empty"].median, emptied, ("<=", 0.02)),
    ]


def counting(path: Path, repetitions: int) -> Row:
    """What deciding and counting adds to a call: one that reads all of its weights once, and does nothing else."""
    with Artifact.open(path) as artifact:
        chunks = artifact.build().stages[0].slab.chunks
        # With a limit, as a pool has one: without, nothing is ever decided, and nothing needs to be recorded.
        migrator = Migrator(Residency(2 * len(chunks) * CHUNK_SIZE, make_policy("balanced")))
        migrator.add("model", Promotion(artifact, chunks, checked=True), checked=True)
        pages = np.frombuffer(map_files(artifact, chunks).view(), np.uint64)

        def on() -> float:
            def call() -> None:
                with migrator.call("model"):
                    pages.sum()

            return _seconds(call) * 1000

        sides = interleave({"infc, statistics on": on, "off": lambda: _seconds(pages.sum) * 1000}, 3 * repetitions)
        migrator.close()
    share = 100 * (sides["infc, statistics on"].median / sides["off"].median - 1)
    return row("statistics and policy, on against off, for a call that reads its weights once", "% more", share, sides,
               ("<=", 3))  # fmt: skip


def _promote(migrator: Migrator, name: str, files: Files) -> float:
    """Seconds that a call of a model waits for its weights, which the page cache has and the arena has not."""
    for chunk in files.chunks:
        files.backend.promote(chunk)
    ticket = migrator.begin(name)
    seconds = _seconds(lambda: migrator.fill(ticket))
    _swept(files)
    migrator.drop(migrator.end(ticket))
    return seconds


def _swept(files: Files) -> None:
    """Returns when the pager has let the page cache's copies go, which it does when nobody waits for it."""
    before, now = -1, sum(files.backend.resident(chunk) or 0 for chunk in files.chunks)
    while now != before:  # pages that reach over a chunk's end may stay
        time.sleep(0.05)
        before, now = now, sum(files.backend.resident(chunk) or 0 for chunk in files.chunks)


def _paged(spares: int = 0) -> tuple[PagedArena | None, str]:
    try:
        paged = PagedArena(spares=spares)
    except InfcError as error:
        return None, error.message
    return paged, "" if paged.arena.huge else "huge pages for an arena need CAP_SYS_ADMIN"


def _attach(attach: Callable[[], Pages], *, touch: bool = False) -> float:
    started = time.perf_counter()
    pages = attach()
    if touch:
        _touch(pages)
    took = (time.perf_counter() - started) * 1000
    pages.close()
    return took


def _attach_arena(paged: PagedArena, slots: tuple[int, ...], size: int, *, touch: bool = False) -> float:
    joined: list[int] = []

    def attach() -> ArenaMapping:
        mapping = ArenaMapping(paged.arena.fd, slots, size, where="arena")
        joined.append(paged.join(os.dup(mapping.faults), mapping.address, slots))
        return mapping

    took = _attach(attach, touch=touch)
    paged.leave(joined[0])
    return took


def _touch(pages: Pages) -> None:
    np.frombuffer(pages.view(), np.uint8)[::_PAGE].sum()


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
