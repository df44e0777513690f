"""Executors die, hang and share memory; the pool goes on."""

import os
import re
import signal
from collections import Counter
from pathlib import Path

import grpc
import numpy as np
import pytest

from infc.runtime.artifact import Method, TensorSpec

from support.artifacts import (
    EMBED_MLIR,
    compile_mlir,
    embed_table,
    linear_reference,
    weight,
    write_artifact,
    write_linear_artifact,
)
from support.pool import Pool, arrays_of, request_of, serving, status, stopped, wait_gone
from support.signatures import returns, takes

X = np.random.default_rng(3).standard_normal((2, 8), dtype=np.float32)

# The lookup of `embed` without its bounds: an index far outside of the table is a segmentation fault.
UNBOUNDED = Method(
    name="main",
    inputs=(TensorSpec(name="ids", dtype="i64", shape=(2, 3)), TensorSpec(name="mask", dtype="bool", shape=(2, 3))),
    outputs=(
        TensorSpec(name="rows", dtype="f32", shape=(2, 3, 4)),
        TensorSpec(name="masked", dtype="bool", shape=(2, 3)),
    ),
    takes=takes("ids", "mask"),
    returns=returns("mapping", ["rows", "masked"]),
)
MASK = np.ones((2, 3), dtype=bool)

SIDE = 4096  # 64 MiB of weights
BIG_MLIR = """
util.global private @w = #stream.parameter.named<"model"::"w"> : tensor<4096x4096xf32>
func.func @main(%x: tensor<1x4096xf32>) -> tensor<1x4096xf32> {
  %w = util.global.load @w : tensor<4096x4096xf32>
  %zero = arith.constant dense<0.0> : tensor<1x4096xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x4096xf32>, tensor<4096x4096xf32>)
      outs(%zero : tensor<1x4096xf32>) -> tensor<1x4096xf32>
  return %y : tensor<1x4096xf32>
}
"""


@pytest.fixture(scope="session")
def crasher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("crasher") / "crasher.infc"
    return write_artifact(path, "crasher", UNBOUNDED, compile_mlir(EMBED_MLIR), [weight("table", embed_table())])


def check(pool: Pool) -> None:
    np.testing.assert_allclose(pool.infer("linear", x=X)["output_0"], linear_reference(X), rtol=1e-5, atol=1e-6)


def test_a_request_whose_executor_is_killed_is_answered_by_the_next_one(linear_artifact: Path) -> None:
    with serving(linear_artifact) as pool:
        (first,) = pool.executors()
        with stopped(first):
            call = pool.begin("linear", x=X)
            pool.log.wait_for(f"executor {first} runs linear")
            os.kill(first, signal.SIGKILL)
            np.testing.assert_allclose(arrays_of(call.result())["output_0"], linear_reference(X), rtol=1e-5, atol=1e-6)
        assert pool.log.wait_for(f"executor {first} was ended by SIGKILL")
        (_, second) = pool.executors(2)
        assert len(pool.log.wait_for(f"executor {second} runs linear")) == 1


def test_a_request_that_kills_two_executors_fails_alone(crasher: Path, linear_artifact: Path) -> None:
    with serving(crasher, linear_artifact) as pool:
        with pytest.raises(grpc.RpcError) as caught:
            pool.infer("crasher", ids=np.full((2, 3), 1 << 44), mask=MASK)
        assert status(caught.value)[0] == grpc.StatusCode.INTERNAL
        assert "'crasher'" in status(caught.value)[1]
        assert len(pool.log.wait_for("was ended by SIGSEGV", 2)) == 2
        check(pool)
        ids = np.array([[0, 5, 15], [3, 3, 1]])
        np.testing.assert_array_equal(pool.infer("crasher", ids=ids, mask=MASK)["rows"], embed_table()[ids])


@pytest.mark.parametrize("calls", [0, 1])
def test_an_idle_executor_that_is_killed_is_replaced_before_the_next_request(linear_artifact: Path, calls: int) -> None:
    with serving(linear_artifact) as pool:
        for _ in range(calls):
            check(pool)
        (first,) = pool.executors()
        os.kill(first, signal.SIGKILL)
        (_, second) = pool.executors(2)
        check(pool)
        assert pool.log.find(f"executor {second} runs linear")


def test_one_executors_death_is_not_felt_by_the_other(linear_artifact: Path) -> None:
    with serving(linear_artifact, options=["--executors", "2"]) as pool:
        executors = pool.executors(2)
        call = pool.begin("linear", x=X)
        call.result()
        (busy,) = {int(match[1]) for match in pool.log.wait_for(r"executor (\d+) runs")}
        (other,) = set(executors) - {busy}
        with stopped(busy):
            call = pool.begin("linear", x=X)
            pool.log.wait_for(f"executor {busy} runs", 2)
            check(pool)
            pool.log.wait_for(f"executor {other} runs")
        call.result()
        assert pool.executors(2) == executors


def test_a_stuck_executor_is_replaced(linear_artifact: Path) -> None:
    with serving(linear_artifact, options=["--deadline", "0.5"]) as pool:
        (first,) = pool.executors()
        with stopped(first):
            with pytest.raises(grpc.RpcError) as caught:
                pool.method("ModelInfer")(request_of("linear", x=X))
            assert status(caught.value)[0] == grpc.StatusCode.DEADLINE_EXCEEDED
            assert "no answer within 0.5 s" in status(caught.value)[1]
            pool.log.wait_for(f"executor {first} was ended by SIGKILL")
        check(pool)
        assert len(pool.executors(2)) == 2


def test_a_callers_short_deadline_costs_no_executor(linear_artifact: Path) -> None:
    with serving(linear_artifact) as pool:
        (first,) = pool.executors()
        with stopped(first):
            with pytest.raises(grpc.RpcError) as caught:
                pool.infer("linear", timeout=0.3, x=X)
            assert status(caught.value)[0] == grpc.StatusCode.DEADLINE_EXCEEDED
        check(pool)
        assert pool.executors() == [first]


def test_no_executor_outlives_a_killed_controller(linear_artifact: Path) -> None:
    with serving(linear_artifact, options=["--executors", "2"]) as pool:
        pidfds = [os.pidfd_open(pid) for pid in pool.executors(2)]
        pool.stop(signal.SIGKILL)
        for pidfd in pidfds:
            wait_gone(pidfd)


def test_an_artifact_that_was_replaced_is_not_attached(tmp_path: Path) -> None:
    path = write_linear_artifact(tmp_path / "linear.infc")
    with serving(path) as pool:
        write_linear_artifact(path, seed=1)
        (first,) = pool.executors()
        pidfd = os.pidfd_open(first)
        os.kill(first, signal.SIGKILL)
        wait_gone(pidfd)
        with pytest.raises(grpc.RpcError) as caught:
            pool.infer("linear", x=X)
        assert "was replaced while the pool served it" in status(caught.value)[1]


def test_executors_do_not_inherit_secrets(linear_artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFC_TOKEN", "s3cret")
    with serving(linear_artifact) as pool:
        (pid,) = pool.executors()
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    assert b"s3cret" not in environment
    assert b"PATH=" in environment


def test_executors_cannot_gain_privileges(pool: Pool) -> None:
    (pid, *_) = pool.executors()
    status = Path(f"/proc/{pid}/status").read_text()
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)


@pytest.fixture(scope="session")
def big_artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    method = Method(
        name="main",
        inputs=(TensorSpec(name="x", dtype="f32", shape=(1, SIDE)),),
        outputs=(TensorSpec(name="output_0", dtype="f32", shape=(1, SIDE)),),
        takes=takes("x"),
        returns=returns("tensor", ["output_0"]),
    )
    path = tmp_path_factory.mktemp("big") / "big.infc"
    return write_artifact(path, "big", method, compile_mlir(BIG_MLIR), [weight("w", big_weight())])


def big_weight() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((SIDE, SIDE), dtype=np.float32)


def test_weights_are_shared_and_copied_by_nobody(big_artifact: Path, linear_artifact: Path) -> None:
    size = SIDE * SIDE * 4
    x = np.ones((1, SIDE), dtype=np.float32)
    with serving(linear_artifact) as pool:
        check(pool)
        without_weights = anonymous(pool.executors()[0])
    with serving(big_artifact, options=["--executors", "2"]) as pool:
        executors = pool.executors(2)
        np.testing.assert_allclose(pool.infer("big", x=x)["output_0"], x @ big_weight(), rtol=1e-3, atol=1e-3)
        (busy,) = {int(match[1]) for match in pool.log.wait_for(r"executor (\d+) runs")}
        with stopped(busy):
            call = pool.begin("big", x=x)
            pool.log.wait_for("runs big", 2)
            pool.infer("big", x=x)  # by the other one
        call.result()
        for pid in executors:
            weights = mapped(pid, "big.infc")
            assert weights["Shared_Clean"] >= size
            assert weights["Private_Clean"] + weights["Private_Dirty"] < size // 20
            assert anonymous(pid) - without_weights < size // 20


def mapped(pid: int, name: str) -> Counter[str]:
    """What a process has of a file in memory, in bytes by kind, added up over its mappings."""
    memory: Counter[str] = Counter()
    ours = False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if size := re.match(r"(\w+):\s+(\d+) kB", line):
            memory[size[1]] += int(size[2]) * 1024 * ours
        elif re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            ours = line.endswith(f"/{name}")
    return memory


def anonymous(pid: int) -> int:
    """Bytes of a process that no file is behind."""
    match = re.search(r"^Anonymous:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert match is not None
    return int(match[1]) * 1024
