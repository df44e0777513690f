"""Faults below models that share a stage: files cut off, replaced or removed under a pool, damaged chunks, a killed
executor. One model's fault is that model's: it names the file or the chunk, and is over when the file is right again.

A stopped executor stands for stages that take long.
"""

import os
import signal
from pathlib import Path
from shutil import copy
from typing import Any

import grpc
import numpy as np
import pytest

from infc.runtime.artifact import Artifact, Blob
from infc.runtime.store import Store

from support.artifacts import write_linear_artifact
from support.heads import headed_reference, write_headed
from support.http_store import Server
from support.pool import Pool, arrays_of, serving, status, stopped

X = np.random.default_rng(9).standard_normal((2, 8), np.float32)
BODY, HEAD = range(2)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("heads")
    return [write_headed(folder / f"head{number}.infc", number) for number in range(3)]


@pytest.fixture
def heads(written: list[Path], tmp_path: Path) -> list[Path]:
    """Copies, to be damaged."""
    return [Path(copy(path, tmp_path)) for path in written]


def last_chunk(artifact: Artifact, stage: int) -> Blob:
    """Where the weights lie that every call of the stage reads."""
    return artifact.blob(artifact.build().stages[stage].slab.chunks[-1])


def begin(pool: Pool, *numbers: int, kill: bool = False) -> list[Any]:
    """Calls of these heads, as many of them in the executor as go in together before it begins with the first."""
    pid = pool.executors()[-1]
    with stopped(pid):
        before = len(pool.log.find("runs head"))
        calls = [pool.begin(f"head{number}", x=X) for number in numbers]
        pool.log.wait_for("runs head", before + 2)
        if kill:
            os.kill(pid, signal.SIGKILL)
    return calls


def right(response: object, number: int) -> bool:
    return np.allclose(arrays_of(response)["z"], headed_reference(X, number), rtol=1e-5, atol=1e-5)


def answers(pool: Pool, number: int) -> bool:
    return right(pool.begin(f"head{number}", x=X).result(), number)


def fault(pool: Pool, number: int) -> str:
    with pytest.raises(grpc.RpcError) as caught:
        pool.infer(f"head{number}", x=X)
    return status(caught.value)[1]


def test_a_file_that_is_cut_off_under_a_stage(heads: list[Path]) -> None:
    """The page that is gone ends the executor, and who called beside it is answered by the next one."""
    whole = heads[1].read_bytes()
    with Artifact.open(heads[1]) as artifact:
        head, body = (last_chunk(artifact, stage).offset for stage in (HEAD, BODY))
    with serving(*heads) as pool:
        os.truncate(heads[1], head)
        calls = begin(pool, 1, 0, 2)
        with pytest.raises(grpc.RpcError) as caught:
            calls[0].result()
        assert f"{heads[1]}: member" in status(caught.value)[1]
        assert "reaches past the end of the file" in status(caught.value)[1]
        assert right(calls[1].result(), 0)
        assert right(calls[2].result(), 2)
        assert len(pool.log.find("was ended by SIGBUS")) == 1
        assert str(heads[1]) in fault(pool, 1)  # again, and no executor was lost for it
        assert len(pool.log.find("was ended by")) == 1
        heads[1].write_bytes(whole)
        assert answers(pool, 1)
        # What they share is mapped from the first's file, and from another's when that one is damaged.
        os.truncate(heads[0], body)
        assert all(answers(pool, number) for number in (1, 2))
        assert str(heads[0]) in fault(pool, 0)


def test_an_executor_that_is_killed_under_heads_of_one_body(heads: list[Path], tmp_path: Path) -> None:
    """All are answered, and counted once. What was removed or replaced meanwhile is the fault of its model only."""
    log = tmp_path / "calls.csv"
    with serving(*heads, options=["--request-log", str(log)]) as pool:
        for number, call in zip((0, 1, 2, 0, 1), begin(pool, 0, 1, 2, 0, 1, kill=True), strict=True):
            assert right(call.result(), number)
        heads[0].unlink()
        write_linear_artifact(tmp_path / "other.infc").replace(heads[1])
        assert all(answers(pool, number) for number in range(3))  # the executor has what was there
        for number, call in zip((2, 2), begin(pool, 2, 2, kill=True), strict=True):
            assert right(call.result(), number)
        assert f"{heads[0]}: No such file" in fault(pool, 0)
        assert f"{heads[1]} was replaced while the pool served it" in fault(pool, 1)
    lines = [line.split(",")[1] for line in log.read_text().splitlines()]
    assert [lines.count(f"head{number}") for number in range(3)] == [4, 4, 4]


def test_chunks_of_a_stage_that_are_damaged_in_a_store(written: list[Path], tmp_path: Path) -> None:
    """Where they come from, and later on this disk: the error names the chunk, and the other head goes on."""
    origin, store = Store(tmp_path / "origin"), Store(tmp_path / "store")
    for path in written:
        origin.add(path)
    with Server(origin.path).running() as server:
        for number in range(2):
            store.fetch(server.url, f"head{number}", lazy=True)
        with store.open("head1") as artifact:
            chunk = last_chunk(artifact, HEAD).path
        server.spoil = lambda path, data: (b"x" + data[1:] if chunk.name in path else data, len(data))
        with serving(options=["--store", store.path, "--memory", "20M"]) as pool:
            assert chunk.name in fault(pool, 1)
            assert answers(pool, 0)
            server.spoil = lambda path, data: (data, len(data))
            assert answers(pool, 1)
            chunk.chmod(0o644)
            os.truncate(chunk, 0)
            for number, call in zip((1, 0), begin(pool, 1, 0), strict=True):
                assert right(call.result(), number)
            assert pool.log.find("was ended by SIGBUS")
