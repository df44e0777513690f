"""An executor's calls of a model in stages: several under way, each answered once under its number."""

import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from threading import enumerate as enumerate_threads
from typing import Any

import numpy as np
import pytest

from infc.remote.pool.channel import BlockingChannel
from infc.remote.pool.executor import serve
from infc.remote.pool.messages import Attach, Cancel, Failed, Infer, Reply, Request, Result, Tensor
from infc.remote.pool.running import KEPT
from infc.runtime.artifact import Artifact

from support.pool import PATIENCE
from support.stages import Gate, check, write_staged_artifact

X = np.array([1, 2, 3, 4], np.float32)


class Controller:
    """The other end: asks, and reads answers."""

    def __init__(self, end: socket.socket) -> None:
        self._channel: BlockingChannel[Any] = BlockingChannel(end, Reply)  # pyright: ignore[reportArgumentType]

    def ask(self, message: Any, *arrays: np.ndarray) -> None:
        self._channel.send(message, [memoryview(array.tobytes()) for array in arrays])

    def infer(self, number: int, x: np.ndarray, model: str = "staged") -> None:
        self.ask(Infer(model, "main", (Tensor("x", "f32", (4,)),), number), x)

    def attach(self, path: Path, model: str = "staged") -> None:
        with Artifact.open(path) as artifact:
            digest = artifact.digest
        self.ask(Attach(model, str(path), digest, "cpu", number=7))
        assert self.answer()[0].number == 7

    def answer(self) -> tuple[Any, dict[str, np.ndarray]]:
        reply = self._channel.receive()
        outputs = {tensor.name: np.empty(tensor.shape, np.float32) for tensor in getattr(reply, "tensors", ())}
        for array in outputs.values():
            self._channel.receive_into(memoryview(array).cast("B"))
        return reply, outputs


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_staged_artifact(tmp_path_factory.mktemp("staged") / "m.infc")


@pytest.fixture
def controller(path: Path) -> Iterator[Controller]:
    ours, theirs = socket.socketpair()
    channel: BlockingChannel[Any] = BlockingChannel(theirs, Request)  # pyright: ignore[reportArgumentType]
    thread = Thread(target=serve, args=(channel,))
    thread.start()
    controller = Controller(ours)
    controller.attach(path)
    yield controller
    ours.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_a_call_is_in_the_first_stage_while_another_is_in_the_second(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is cancelled meanwhile goes no further, one that fails fails alone, and each is answered."""
    gate = Gate.closed(monkeypatch)
    controller.infer(1, X)
    assert gate.inside.wait(PATIENCE)
    controller.infer(2, 2 * X)
    controller.infer(3, -X)
    controller.infer(4, 4 * X)
    for _ in range(4):  # all of them have been through the first stage, while the first is held in the second
        assert gate.doubled.acquire(timeout=PATIENCE)
    failed, _ = controller.answer()  # ahead of those before it, which are still under way
    assert (failed.number, failed.error) == (3, "ExecutorFailed")
    assert "stage 'double' of main failed" in failed.message
    controller.ask(Cancel(2))
    controller.ask(Infer("staged", "none", (), 5))  # answered by the thread that has read `Cancel` before
    assert controller.answer()[0].number == 5
    gate.go.set()
    answers = {reply.number: (reply, outputs) for reply, outputs in (controller.answer() for _ in range(3))}
    check(answers[1][1], X)
    check(answers[4][1], 4 * X)
    assert isinstance(answers[2][0], Failed)
    assert gate.seen.count("poke") == 2


def test_what_the_model_does_not_take_is_answered_and_leaves_the_others(controller: Controller) -> None:
    controller.infer(1, X)
    controller.ask(Infer("staged", "main", (Tensor("x", "f32", (2,)),), 2), X[:2])
    controller.infer(3, 3 * X)
    answers = {reply.number: (reply, outputs) for reply, outputs in (controller.answer() for _ in range(3))}
    assert isinstance(answers[1][0], Result)
    assert answers[2][0].error == "InvalidInput"
    check(answers[3][1], 3 * X)


def test_cancelling_what_is_not_under_way_is_nothing(controller: Controller) -> None:
    controller.ask(Cancel(99))
    controller.infer(1, X)
    check(controller.answer()[1], X)


def stage_threads() -> int:
    return sum(thread.name in ("infc-double", "infc-poke", "infc-sum") for thread in enumerate_threads())


def test_only_models_that_were_called_lately_have_threads(
    controller: Controller, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is under way keeps them, however many are called meanwhile."""
    gate = Gate.closed(monkeypatch)
    controller.infer(0, X)
    assert gate.inside.wait(PATIENCE)
    monkeypatch.undo()
    before = stage_threads()
    for number in range(1, KEPT + 5):
        controller.attach(path, f"m{number}")
        controller.infer(number, number * X, f"m{number}")
        check(controller.answer()[1], number * X)
    assert stage_threads() - before == 3 * (KEPT - 1)
    gate.go.set()
    check(controller.answer()[1], X)
    for number in (1, 2):  # theirs have ended, and begin again
        controller.infer(number, number * X, f"m{number}")
        check(controller.answer()[1], number * X)
    assert stage_threads() - before == 3 * (KEPT - 1)
