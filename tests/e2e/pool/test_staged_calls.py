"""Several calls of a model in stages in one executor of a real pool.

A stopped executor stands for stages that take long.
"""

import os
import signal
from pathlib import Path

import grpc
import numpy as np
import pytest

from support.artifacts import linear_reference
from support.pool import arrays_of, serving, status, stopped
from support.stages import write_staged_artifact

X = np.array([1, 2, 3, 4], np.float32)
LINEAR = np.ones((2, 8), np.float32)


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_staged_artifact(tmp_path_factory.mktemp("staged") / "m.infc")


def check(response: object, x: np.ndarray) -> None:
    outputs = arrays_of(response)
    assert np.array_equal(outputs["y"], 2 * x)
    assert np.array_equal(outputs["z"][1:], 4 * x[1:])


def test_as_many_calls_are_in_an_executor_as_the_model_has_stages(staged: Path, linear_artifact: Path) -> None:
    """One more waits, and a model of one stage has it for itself. One that fails or gives up leaves the others."""
    with serving(staged, linear_artifact) as pool:
        (pid,) = pool.executors()
        with stopped(pid):
            inside = [pool.begin("staged", x=X * scale) for scale in (1, -1, 2)]
            pool.log.wait_for(f"executor {pid} runs staged", 3)
            assert not pool.log.find("waits behind")
            inside[2].cancel()
            pool.log.wait_for("was given up")
            more = pool.begin("staged", x=X * 3)
            pool.log.wait_for("staged waits behind 0")
            alone = pool.begin("linear", x=LINEAR)
            pool.log.wait_for("linear waits behind 1")
            assert not pool.log.find("runs linear")
        check(inside[0].result(), X)
        code, message, _ = status(inside[1].exception())
        assert code == grpc.StatusCode.INTERNAL
        assert "stage 'double' of main failed" in message
        check(more.result(), 3 * X)
        np.testing.assert_allclose(arrays_of(alone.result())["output_0"], linear_reference(LINEAR), rtol=1e-5)
        assert pool.executors() == [pid]


def test_calls_whose_executor_dies_are_tried_again_one_by_one(staged: Path) -> None:
    """Whichever of them was the reason takes no other along twice."""
    with serving(staged) as pool:
        (first,) = pool.executors()
        with stopped(first):
            calls = [pool.begin("staged", x=X * scale) for scale in (1, 2, 3)]
            pool.log.wait_for(f"executor {first} runs staged", 3)
            os.kill(first, signal.SIGKILL)
        for scale, call in enumerate(calls, 1):
            check(call.result(), X * scale)
        assert len(pool.log.wait_for("left a request for staged")) == 3
        (_, second) = pool.executors(2)
        assert len(pool.log.find(f"executor {second} runs staged")) == 3


def test_in_flight_says_how_many(staged: Path) -> None:
    with serving(staged, options=["--in-flight", "1"]) as pool:
        (pid,) = pool.executors()
        with stopped(pid):
            calls = [pool.begin("staged", x=X) for _ in range(2)]
            pool.log.wait_for("waits behind 0")
            assert len(pool.log.find("runs staged")) == 1
        for call in calls:
            check(call.result(), X)
