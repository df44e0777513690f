"""Models of a store behind a bound on memory: the answers are right, and what leaves really leaves."""

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import grpc
import numpy as np
import pytest

from infc.runtime.memory.backend import FileBacked
from infc.runtime.store import Store

from support.artifacts import linear_reference
from support.pool import PATIENCE, serving, start, status
from support.stores import CHUNK, damage, fine_tune

BODY = 3
X = np.random.default_rng(4).standard_normal((2, 8), dtype=np.float32)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three fine-tunes of one model."""
    made = Store(tmp_path / "store")
    for number in range(3):
        made.add(fine_tune(tmp_path / f"{number}.infc", number, chunks=BODY))
    return made


def resident(store: Store, name: str) -> list[int]:
    with store.open(name) as artifact:
        chunks = artifact.build().stages[0].slab.chunks
        found = [FileBacked(artifact, chunks).resident(chunk) for chunk in chunks]
    if None in found:
        pytest.skip("the kernel has no cachestat")
    return [each or 0 for each in found]


@pytest.mark.parametrize("backend", ["files", "arena"])
def test_models_of_a_store_answer_within_a_bound(store: Store, backend: str) -> None:
    options = ["--store", store.path, "--memory", f"{CHUNK + 4096}B", "--executors", "2", "--backend", backend]
    with serving(options=options) as pool, ThreadPoolExecutor(6) as threads:

        def call(number: int) -> bool:
            answer = pool.infer(f"tune{number % 3}", x=X)["output_0"]
            return np.allclose(answer, linear_reference(X, number % 3), atol=1e-5)

        assert all(threads.map(call, range(60)))
        pool.infer("tune0", x=X)
        assert pool.stop() == 0
    assert sum(map(bool, resident(store, "tune0")[:BODY])) <= 1


def test_only_the_models_that_are_named(store: Store) -> None:
    with serving(Path("tune1"), options=["--store", store.path]) as pool:
        assert np.allclose(pool.infer("tune1", x=X)["output_0"], linear_reference(X, 1), atol=1e-5)
        with pytest.raises(grpc.RpcError) as caught:
            pool.infer("tune2", x=X)
        assert status(caught.value)[0] == grpc.StatusCode.NOT_FOUND


def test_a_damaged_model_is_refused_and_the_others_answer(store: Store) -> None:
    with store.open("tune1") as artifact:
        own = artifact.build().stages[0].slab.chunks[-1]
    damage(store.folder.blob(own))
    with serving(options=["--store", store.path]) as pool:
        with pytest.raises(grpc.RpcError) as caught:
            pool.infer("tune1", x=X)
        assert "was damaged, and is set aside" in status(caught.value)[1]
        assert np.allclose(pool.infer("tune0", x=X)["output_0"], linear_reference(X), atol=1e-5)
        store.add(store.path.parent / "1.infc")
        assert np.allclose(pool.infer("tune1", x=X)["output_0"], linear_reference(X, 1), atol=1e-5)


def test_two_pools_on_one_store(store: Store) -> None:
    options = ["--store", store.path, "--memory", "3MiB"]
    with serving(options=options) as one, serving(options=options) as other:
        for number in range(12):
            pool, model = (one, other)[number % 2], number % 3
            assert np.allclose(pool.infer(f"tune{model}", x=X)["output_0"], linear_reference(X, model), atol=1e-5)


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ([], 2, "nothing to serve"),
        (["--store", "nowhere"], 5, "nowhere"),
        (["--store", "{store}", "tune7"], 5, "has no model 'tune7'"),
        (["--store", "{store}", "--memory", "much"], 2, "'much' is no size"),
        (["--store", "{store}", "--metrics", "unix:/x"], 2, "metrics cannot be served at unix:/x"),
        (["--store", "{store}", "--metrics", "192.0.2.1:1"], 7, "cannot serve metrics at 192.0.2.1:1"),
        (["--store", "{store}", "--request-log", "/nowhere/x"], 2, "cannot write the request log /nowhere/x"),
        (["--store", "{store}", "--policy", "best"], 2, "no policy 'best'"),
        (["--store", "{store}", "--policy", "trace-belady"], 2, "needs the future"),
    ],
)
def test_wrong_options(store: Store, options: list[str], code: int, said: str) -> None:
    process = start(*(option.format(store=store.path) for option in options), "--listen", "127.0.0.1:0")
    try:
        _, errors = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert (process.returncode, said in errors) == (code, True), errors


def test_top_shows_what_the_pool_counts(store: Store, tmp_path: Path, run_infc: Callable) -> None:
    log = tmp_path / "calls.csv"
    options = ["--store", store.path, "--memory", "3MiB", "--metrics", "127.0.0.1:0", "--request-log", log]
    with serving(options=options) as pool:
        for number in (0, 0, 1):
            pool.infer(f"tune{number}", x=X)
        address = pool.ready["metrics"]
        seen = json.loads(run_infc("memory", "top", "--metrics", address, "--json"))
        assert seen["capacity"] == 3 << 20
        assert {name: model["calls"] for name, model in seen["models"].items()} == {"tune0": 2, "tune1": 1, "tune2": 0}
        assert seen["models"]["tune0"]["hits"] > 0
        assert seen["used"] <= 3 << 20 < seen["promoted"]
        assert seen["models"]["tune0"]["size"] > BODY * CHUNK
        screen = run_infc("memory", "top", "--metrics", address, "--count", "2", "--interval", "0.01", "--models", "2")
        assert "balanced" in screen and "tune0" in screen and "… 1 more …" in screen
        pool.stop()
    simulated = json.loads(run_infc("memory", "simulate", "--trace", log, "--json"))
    assert (simulated["models"], simulated["results"][0]["calls"]) == (2, 3)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.1:x", "127.0.0.1:0"])
def test_top_needs_an_address(address: str, run_infc: Callable) -> None:
    assert "is no address of metrics" in run_infc("memory", "top", "--metrics", address, fails=2)


def test_top_of_somebody_else(run_infc: Callable) -> None:
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    with server, ThreadPoolExecutor(1) as thread:
        answering = thread.submit(server.handle_request)
        said = run_infc("memory", "top", "--metrics", f"127.0.0.1:{server.server_port}", fails=7)
        answering.result()
    assert "is no pool of infc's" in said
    assert "no metrics at" in run_infc("memory", "top", "--metrics", f"127.0.0.1:{server.server_port}", fails=7)


@pytest.fixture
def run_infc() -> Callable:
    def run(*arguments: object, fails: int = 0) -> str:
        command = [Path(sys.executable).with_name("infc"), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == fails, done.stderr
        return done.stderr if fails else done.stdout

    return run
