"""Weight memory: what policies reload, what a store and further processes cost, how fast chunks come and go.

    python bench/memory.py [--quick] [--json FILE] [--plot FILE]

Policies are simulated: their figures do not depend on the machine. The rest runs on files in a temporary folder, on the
disk that TMPDIR is on.
"""

import hashlib
import mmap
import multiprocessing
import os
import platform
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from infc import __version__
from infc.runtime.artifact import (
    CHUNK_SIZE,
    MODULE_MEDIA_TYPE,
    SCHEMA_VERSION,
    Artifact,
    ArtifactWriter,
    Config,
    Cost,
    Interface,
    Method,
    ModuleBuild,
    Stage,
    StageBuild,
    Step,
    TargetBuild,
    Toolchain,
    WeightData,
    Wiring,
)
from infc.runtime.artifact.signature import Nothing
from infc.runtime.memory import Mapping, kernel
from infc.runtime.memory.backend import FileBacked
from infc.runtime.memory.migrator import THREADS, Migrator
from infc.runtime.memory.policies import make_policy
from infc.runtime.memory.promotion import Promotion
from infc.runtime.memory.residency import Residency
from infc.runtime.store import Store

from arena import arena, attaching, counting
from harness import Row, Side, finish, interleave, parse_options, row
from paging import paging
from simulated import limits, policies, reload_cost


def main() -> None:
    options = parse_options("what policies reload, what a store costs, how fast chunks come and go")
    count = 8 if options.quick else 200
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "model.infc", "model", count)
        rows = [
            *policies(options.quick),
            reload_cost(options.quick),
            *fine_tunes(Path(folder), 4 if options.quick else 40),
            *chunks(path, count, 2 if options.quick else 7),
            # After `chunks` has unmapped them: what this process shares would count for less in the others.
            further_processes(path, count * CHUNK_SIZE),
            *attaching(path, 2 if options.quick else 15),
            *arena(path, write(Path(folder) / "other.infc", "other", count, seed=1), 2 if options.quick else 7),
            counting(path, 2 if options.quick else 7),
            *limits(options.quick),
            *paging(path, count, 1 if options.quick else 5),
        ]
    finish("memory", rows, options, {"infc": __version__, "numpy": np.__version__})


def fine_tunes(folder: Path, count: int) -> list[Row]:
    """Bytes on disk and in memory of fine-tunes of which one chunk in twenty is their own, against a copy of each."""
    store = Store(folder / "store")
    copies = 0
    for number in range(count):
        path = write(folder / "tune.infc", f"tune{number}", 20, own=number + 1)
        copies += path.stat().st_size
        store.add(path)
    kept = sum(path.stat().st_size for path in store.folder.blobs.iterdir())
    migrator = Migrator(Residency(None, make_policy("balanced")))
    artifacts = [store.open(f"tune{number}") for number in range(count)]
    for number, artifact in enumerate(artifacts):
        migrator.add(number, Promotion(artifact, artifact.build().stages[0].slab.chunks, checked=True), checked=True)
    seen = migrator.snapshot()
    wanted = sum(model.size for model in seen.models.values())
    migrator.close()
    for artifact in artifacts:
        artifact.close()
    differ = f"of {count} fine-tunes, 5 % of the chunks differ"
    return [
        row(f"store {differ}", "% of copies", 100 * kept / copies, goal=("<=", 10)),
        row(f"memory {differ}", "% of copies", 100 * seen.used / wanted, goal=("<=", 10)),
    ]


def chunks(path: Path, count: int, repetitions: int) -> list[Row]:
    """How fast the chunks of one artifact are imported, promoted and demoted."""
    size = count * CHUNK_SIZE
    with Artifact.open(path) as artifact:
        slab = artifact.build().stages[0].slab.chunks
        mapping = mapped(artifact, slab)
        backend = FileBacked(artifact, slab, mapping)
        blobs = [artifact.blob(chunk) for chunk in slab]
        fd = os.open(path, os.O_RDONLY)

        def demote() -> float:
            return seconds(lambda: [backend.demote(chunk) for chunk in slab])

        def promote() -> float:
            demote()
            with ThreadPoolExecutor(THREADS) as threads:  # as a migrator does
                return size / seconds(lambda: list(threads.map(backend.promote, slab))) / 1e9

        def ceiling() -> float:
            demote()
            with ThreadPoolExecutor(4) as threads:
                return size / seconds(lambda: list(threads.map(lambda blob: read(fd, blob.offset), blobs))) / 1e9

        def demoting() -> float:
            for chunk in slab:
                backend.promote(chunk)
            touch(mapping)
            return demote() * 1000 / (size >> 20)

        def adding() -> float:
            store = Store(tempfile.mkdtemp(dir=path.parent))
            return size / seconds(lambda: store.add(path)) / 1e9

        def hashing() -> float:
            return size / seconds(lambda: [hashlib.sha256(mapping.view()[at : at + CHUNK_SIZE]).digest()
                                           for at in range(0, size, CHUNK_SIZE)]) / 1e9  # fmt: skip

        cold = interleave({"infc promote": promote, "4 parallel reads": ceiling}, repetitions)
        drops = interleave({"infc demote, page cache": demoting}, repetitions)
        imports = interleave({"infc store add": adding, "sha256 alone": hashing}, min(repetitions, 3))
        share = 100 * cold["infc promote"].median / cold["4 parallel reads"].median
        hashed = 100 * imports["infc store add"].median / imports["sha256 alone"].median
        os.close(fd)
        backend.close()
        return [
            row("cold weights from disk, of the disk's ceiling", "%", share, cold, (">=", 85)),
            row("eviction from the page cache", "ms a MiB", drops["infc demote, page cache"].median, drops),
            row("import into a store, of sha256 alone", "%", hashed, imports),
        ]


def further_processes(path: Path, size: int) -> Row:
    """How much PSS grows in all, for each process beyond the first that has the same weights mapped and touched."""
    children: list[tuple[Any, Connection]] = []
    growth: list[float] = []

    def total() -> int:
        return sum(kernel.proportional_bytes(child.pid) for child, _ in children)

    for _ in range(4):
        ours, theirs = multiprocessing.Pipe()
        child = multiprocessing.get_context("spawn").Process(target=attached, args=(path, theirs))
        child.start()
        children.append((child, ours))
        ours.recv()
        before = total()
        ours.send(None)
        ours.recv()
        growth.append(100 * (total() - before) / size)
    for child, ours in children:
        ours.send(None)
        child.join()
    sides = {"the first process": Side.of(growth[:1]), "infc, each further one": Side.of(growth[1:])}
    median = sides["infc, each further one"].median
    return row("growth of PSS for each further process", "% of the weights", median, sides, ("<=", 1))


def attached(path: Path, to: Connection) -> None:
    """A process that maps the weights when it is told, touches each page, and stays until it is told again."""
    to.send(None)
    to.recv()
    with Artifact.open(path) as artifact:
        mapping = mapped(artifact, artifact.build().stages[0].slab.chunks)
    touch(mapping)
    to.send(None)
    to.recv()


def mapped(artifact: Artifact, slab: tuple[str, ...]) -> Mapping:
    """The slab in this process's memory, as a session maps it."""
    blobs = [artifact.blob(chunk) for chunk in slab]
    mapping = Mapping(sum(blob.length for blob in blobs), where=str(artifact.path))
    with artifact.descriptor(blobs[0]) as fd:
        mapping.append(fd, *((blob.offset, blob.length) for blob in blobs))
    return mapping


def touch(mapping: Mapping) -> None:
    """Reads one byte of each page."""
    np.frombuffer(mapping.view(), np.uint8)[:: mmap.PAGESIZE].sum()


def read(fd: int, offset: int) -> None:
    """One chunk, in pieces of 1 MiB."""
    buffer = bytearray(1 << 20)
    for at in range(offset, offset + CHUNK_SIZE, len(buffer)):
        os.preadv(fd, [buffer], at)


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def write(path: Path, name: str, count: int, own: int = 0, seed: int = 0) -> Path:
    """An artifact with so many chunks of weights and no code; with `own`, its last chunk is its own."""
    with ArtifactWriter(path) as writer:
        module = writer.add_blob(b"no code", MODULE_MEDIA_TYPE)
        slab = writer.add_slab(
            weight(number + seed * count, own if number == count - 1 else 0) for number in range(count)
        )
        build = ModuleBuild(method="main", module=module, size=len(b"no code"))
        writer.finish(
            Config(
                schema_version=SCHEMA_VERSION,
                name=name,
                source="",
                toolchain=Toolchain(infc=__version__, torch="", torch_mlir="", iree=""),
                interface=Interface(methods=(Method(name="main", inputs=(), outputs=(), takes=(), returns=Nothing()),)),
                stages=(Stage(name="main", placement="cpu"),),
                wiring=(Wiring(method="main", steps=(Step(stage="main", inputs=(), outputs=()),), outputs=()),),
                targets=(
                    TargetBuild(
                        target="cpu",
                        stages=(
                            StageBuild(
                                stage="main",
                                target="cpu",
                                device="local-task",
                                machine=platform.machine(),
                                features=(),
                                modules=(build,),
                                slab=slab,
                            ),
                        ),
                        verify=None,
                        skipped=False,
                    ),
                ),
                memory_plan=(),
                cost=Cost(flops=0, bytes_touched=0, activation_peak=0),
            )
        )
    return path


def weight(number: int, own: int) -> WeightData:
    """One chunk of random bytes, which depend on both numbers."""
    data = np.random.default_rng((number, own)).bytes(CHUNK_SIZE)
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    return WeightData(key=str(number), digest=digest, dtype="u8", shape=(CHUNK_SIZE,), layout="row_major", data=data)


if __name__ == "__main__":
    main()
