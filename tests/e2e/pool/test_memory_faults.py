"""What may go wrong below a pool: stores that are slow, cut off or wrong, a disk that is full, processes that die."""

import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import grpc
import numpy as np
import pytest

from infc.runtime.store import Store

from support.artifacts import linear_reference
from support.full_disk import run_on_small_disk
from support.http_store import Server
from support.pool import Pool, serving, status
from support.stores import CHUNK, fine_tune

pytest.importorskip("aiohttp", reason="fsspec reads HTTP with aiohttp, which is not installed")

X = np.random.default_rng(6).standard_normal((2, 8), dtype=np.float32)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("origin")
    store = Store(folder / "store")
    for number in range(2):
        store.add(fine_tune(folder / f"{number}.infc", number, chunks=2))
    return store


@pytest.fixture
def server(origin: Store) -> Iterator[Server]:
    with Server(origin.path).running() as made:
        yield made


@pytest.fixture
def lazy(server: Server, tmp_path: Path) -> Store:
    """A store that has the models, and none of their weights."""
    store = Store(tmp_path / "store")
    for name in ("tune0", "tune1"):
        store.fetch(server.url, name, lazy=True)
    return store


def right(pool: Pool, number: int) -> bool:
    return np.allclose(pool.infer(f"tune{number}", x=X)["output_0"], linear_reference(X, number), atol=1e-5)


def own_chunk(store: Store, name: str) -> str:
    with store.open(name) as artifact:
        return artifact.build().stages[0].slab.chunks[-1]


def test_a_slow_store_holds_up_nobody_else(lazy: Store, server: Server) -> None:
    slow = own_chunk(lazy, "tune1").removeprefix("sha256:")
    asked, go_on = Event(), Event()

    def wait(path: str, data: bytes) -> tuple[bytes, int]:
        if slow in path:
            asked.set()
            go_on.wait()
        return data, len(data)

    server.spoil = wait
    with serving(options=["--store", lazy.path, "--executors", "1"]) as pool:
        try:
            late = pool.begin("tune1", x=X)
            asked.wait()
            assert right(pool, 0)  # with the only executor, and through the same migrator
            assert not late.done()
        finally:
            go_on.set()
        late.result()
        assert right(pool, 1)


@pytest.mark.parametrize("how", ["garbage", "cut off", "gone"])
def test_a_store_that_sends_something_else(lazy: Store, server: Server, how: str) -> None:
    def spoil(path: str, data: bytes) -> tuple[bytes, int]:
        if len(data) < CHUNK:
            return data, len(data)
        return (b"x" + data[1:], len(data)) if how == "garbage" else (data[:1000], len(data))

    with serving(options=["--store", lazy.path]) as pool:
        if how == "gone":
            server.spoil = lambda path, data: (b"", 0)
        else:
            server.spoil = spoil
        with pytest.raises(grpc.RpcError) as caught:
            pool.infer("tune0", x=X)
        assert "cannot read http" in status(caught.value)[1] or "came as" in status(caught.value)[1]
        server.spoil = lambda path, data: (data, len(data))
        assert right(pool, 0)  # the next call asks again


def test_a_disk_that_is_full(lazy: Store, origin: Store, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    script = (
        "import sys; from infc.runtime.store import Store; from infc.errors import ArtifactError\n"
        "from infc.runtime.memory.migrator import Migrator; from infc.runtime.memory.promotion import Promotion\n"
        "from infc.runtime.memory.residency import Residency; from infc.runtime.memory.policies import make_policy\n"
        "store = Store(sys.argv[1]); store.fetch(sys.argv[2], 'tune0', lazy=True)\n"
        "artifact = store.open('tune0'); chunks = artifact.build().stages[0].slab.chunks\n"
        "migrator = Migrator(Residency(None, make_policy('lru')))\n"
        "migrator.add('tune0', Promotion(artifact, chunks, checked=False), checked=False)\n"
        "try:\n  with migrator.call('tune0'): print('computed')\n"
        "except ArtifactError as error: print(error)\n"
        "print(migrator.snapshot().used < 4 << 20)\n"
    )
    command = [sys.executable, "-c", script, str(small), f"file://{origin.path}"]
    done = run_on_small_disk(small, "3m", command, tmp_path / "left")
    assert done.stdout.splitlines() == [f"cannot write to {small}: No space left on device", "True"], done.stderr


@pytest.mark.parametrize("backend", ["files", "arena"])
def test_answers_are_right_while_processes_die(origin: Store, backend: str) -> None:
    options = ["--store", origin.path, "--memory", "3MiB", "--executors", "2", "--backend", backend]
    with serving(options=options) as pool, ThreadPoolExecutor(4) as threads:
        assert all(threads.map(lambda number: right(pool, number % 2), range(8)))
        for _ in range(2):
            pagers = [int(match[1]) for match in pool.log.find(r"filled by pager (\d+)")]
            answers = [threads.submit(right, pool, number % 2) for number in range(40)]
            for pid in (pool.executors(2)[0], *pagers):
                if alive(pid):
                    os.kill(pid, signal.SIGKILL)
            assert all(answer.result() for answer in answers)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
