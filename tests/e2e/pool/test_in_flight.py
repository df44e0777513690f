"""A call that ends its executor, while others are inside. A stopped executor stands for stages that take long."""

from pathlib import Path

import grpc
import numpy as np
import pytest

from support.pool import arrays_of, serving, stopped
from support.stages import UNBOUNDED, write_staged_artifact


def check(response: object, x: np.ndarray) -> None:
    poked = 2 * x
    poked[0] = 7
    outputs = arrays_of(response)
    np.testing.assert_array_equal(outputs["y"], 2 * x)
    np.testing.assert_array_equal(outputs["z"], 2 * x + poked)


def test_a_call_that_kills_executors_takes_no_other_with_it(tmp_path: Path) -> None:
    """Nobody knows which of those inside it was: each is tried again alone, and stays one call in the request log."""
    log = tmp_path / "calls.csv"
    with serving(
        write_staged_artifact(tmp_path / "m.infc", first=UNBOUNDED), options=["--request-log", str(log)]
    ) as pool:
        (pid,) = pool.executors()
        with stopped(pid):
            calls = [pool.begin("staged", x=np.array([at, 1, 2, 3], np.float32)) for at in (1, 1e15, 2)]
            pool.log.wait_for("runs staged", 3)
        with pytest.raises(grpc.RpcError, match="the executor died while it ran model 'staged'"):
            calls[1].result()
        for call, at in ((calls[0], 1), (calls[2], 2)):
            check(call.result(), np.array([at, 1, 2, 3], np.float32))
        assert len(pool.log.wait_for("was ended by SIGSEGV", 2)) >= 2
    assert [line.split(",")[1] for line in log.read_text().splitlines()] == ["model", *3 * ["staged"]]
