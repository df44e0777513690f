"""The queue, deadlines, and how a pool stops. A stopped executor stands for a model that takes long."""

import os
import signal
from pathlib import Path

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2

from support.artifacts import linear_reference
from support.pool import Pool, arrays_of, health, serving, status, stopped, wait_gone

X = np.random.default_rng(4).standard_normal((2, 8), dtype=np.float32)


def check(response: object) -> None:
    np.testing.assert_allclose(arrays_of(response)["output_0"], linear_reference(X), rtol=1e-5, atol=1e-6)


def runs(pool: Pool) -> int:
    """How many requests an executor was given so far."""
    return len(pool.log.find("runs linear"))


def test_a_full_queue_refuses_one_more(linear_artifact: Path) -> None:
    with serving(linear_artifact, options=["--queue", "1"]) as pool:
        (pid,) = pool.executors()
        with stopped(pid):
            running = pool.begin("linear", x=X)
            pool.log.wait_for("runs linear")
            waiting = pool.begin("linear", x=X)
            pool.log.wait_for("waits behind 0")
            with pytest.raises(grpc.RpcError) as caught:
                pool.infer("linear", x=X)
        code, message, hint = status(caught.value)
        assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "2 requests are running or waiting" in message
        assert "--queue" in hint
        check(running.result())
        check(waiting.result())


def test_without_a_queue_an_idle_executor_is_still_used(linear_artifact: Path) -> None:
    with serving(linear_artifact, options=["--queue", "0"]) as pool:
        for _ in range(3):
            check(pool.begin("linear", x=X).result())


def test_a_request_whose_deadline_passes_in_the_queue_is_never_run(linear_artifact: Path) -> None:
    with serving(linear_artifact) as pool:
        (pid,) = pool.executors()
        with stopped(pid):
            running = pool.begin("linear", x=X)
            pool.log.wait_for("runs linear")
            with pytest.raises(grpc.RpcError) as caught:
                pool.infer("linear", timeout=0.3, x=X)
            assert status(caught.value)[0] == grpc.StatusCode.DEADLINE_EXCEEDED
            pool.log.wait_for("was given up|gave no answer")
        check(running.result())
        check(pool.begin("linear", x=X).result())
        assert runs(pool) == 2


def test_a_cancelled_request_leaves_the_queue(linear_artifact: Path) -> None:
    with serving(linear_artifact, options=["--queue", "1"]) as pool:
        (pid,) = pool.executors()
        with stopped(pid):
            running = pool.begin("linear", x=X)
            pool.log.wait_for("runs linear")
            cancelled = pool.begin("linear", x=X)
            pool.log.wait_for("waits behind 0")
            cancelled.cancel()
            pool.log.wait_for("was given up")
            waiting = pool.begin("linear", x=X)  # in its place
            pool.log.wait_for("waits behind 0", 2)
        check(running.result())
        check(waiting.result())
        assert runs(pool) == 2


def test_an_executor_finishes_a_cancelled_request_before_the_next(linear_artifact: Path) -> None:
    with serving(linear_artifact) as pool:
        (pid,) = pool.executors()
        with stopped(pid):
            cancelled = pool.begin("linear", x=-X)
            pool.log.wait_for("runs linear")
            cancelled.cancel()
            pool.log.wait_for("was given up")
            waiting = pool.begin("linear", x=X)
            pool.log.wait_for("waits behind 0")
            assert runs(pool) == 1
        check(waiting.result())


def test_a_cancelled_request_is_not_tried_again(linear_artifact: Path) -> None:
    with serving(linear_artifact) as pool:
        (pid,) = pool.executors()
        with stopped(pid):
            cancelled = pool.begin("linear", x=X)
            pool.log.wait_for("runs linear")
            cancelled.cancel()
            pool.log.wait_for("was given up")
            os.kill(pid, signal.SIGKILL)
            check(pool.begin("linear", x=X).result())
        assert runs(pool) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains(linear_artifact: Path, number: int) -> None:
    with serving(linear_artifact) as pool:
        (pid,) = pool.executors()
        pidfd = os.pidfd_open(pid)
        with stopped(pid):
            running = pool.begin("linear", x=X)
            pool.log.wait_for("runs linear")
            waiting = pool.begin("linear", x=X)
            pool.log.wait_for("waits behind 0")
            pool.process.send_signal(number)
            pool.log.wait_for("draining")
            assert health(pool.channel) == health_pb2.HealthCheckResponse.NOT_SERVING
            assert pool.call("ServerLive").live
            assert not pool.call("ServerReady").ready
            with pytest.raises(grpc.RpcError) as caught:
                pool.infer("linear", x=X)
            assert status(caught.value)[:2] == (grpc.StatusCode.UNAVAILABLE, "the pool is being stopped")
        check(running.result())
        check(waiting.result())
        assert pool.process.wait() == 0
        wait_gone(pidfd)


def test_draining_ends_when_its_time_is_up(linear_artifact: Path) -> None:
    with serving(linear_artifact, options=["--drain", "0.2"]) as pool:
        (pid,) = pool.executors()
        pidfd = os.pidfd_open(pid)
        with stopped(pid):
            running = pool.begin("linear", x=X)
            pool.log.wait_for("runs linear")
            waiting = pool.begin("linear", x=X)
            pool.log.wait_for("waits behind 0")
            assert pool.stop() == 0
            wait_gone(pidfd)
        for call in (running, waiting):
            assert status(call.exception())[:2] == (grpc.StatusCode.UNAVAILABLE, "the pool is being stopped")


def test_a_second_signal_ends_it_at_once(linear_artifact: Path) -> None:
    with serving(linear_artifact, options=["--drain", "1000"]) as pool:
        (pid,) = pool.executors()
        with stopped(pid):
            running = pool.begin("linear", x=X)
            pool.log.wait_for("runs linear")
            pool.process.send_signal(signal.SIGTERM)
            pool.log.wait_for("draining")
            assert pool.stop() == 0
        assert status(running.exception())[0] == grpc.StatusCode.UNAVAILABLE


def test_many_callers_at_once(linear_artifact: Path) -> None:
    with serving(linear_artifact, options=["--executors", "2", "--queue", "500"]) as pool:
        inputs = np.random.default_rng(5).standard_normal((300, 2, 8), dtype=np.float32)
        calls = [pool.begin("linear", x=x) for x in inputs]
        for x, call in zip(inputs, calls, strict=True):
            np.testing.assert_allclose(arrays_of(call.result())["output_0"], linear_reference(x), rtol=1e-5, atol=1e-6)
