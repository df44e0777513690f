"""One place for an executor: what the process there is told, and what becomes of models when it is replaced."""

import asyncio
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from infc.errors import ArtifactError, DeadlineExceeded, ExecutorFailed
from infc.remote.pool.channel import AsyncChannel, ChannelClosed
from infc.remote.pool.messages import Attach, Attached, Cancel, Failed, Infer, Reply, Request, Result, Tensor
from infc.remote.pool.supervisor import Executor
from infc.remote.pool.work import Work
from infc.remote.pool.worker import Call, Worker

from support.pool import PATIENCE

X = Tensor("x", "f32", (4,))
GOOD, BAD = (Attach(name, f"{name}.infc", "sha256:0", "cpu") for name in ("good", "bad"))


class Players:
    """Executors whose part is played here: each a process that does nothing, and its end of the channel.

    `ends` are the models whose attaching ends the process, `refused` those that cannot be attached, `attached` those
    that each process has.
    """

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[bytes]] = []
        self.refused: set[str] = set()
        self.ends: set[str] = set()
        self._heard: asyncio.Queue[tuple[Any, AsyncChannel[Any]]] = asyncio.Queue()
        self.attached: list[list[str]] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def hears(self) -> tuple[Any, AsyncChannel[Any]]:
        """The next message that is no `Attach`, and where it is answered."""
        async with asyncio.timeout(PATIENCE):
            return await self._heard.get()

    def spawn(self, _: object) -> Executor:
        ours, theirs = socket.socketpair()
        process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self.processes.append(process)
        self.attached.append([])
        channel: AsyncChannel[Any] = AsyncChannel(theirs, Request)  # pyright: ignore[reportArgumentType]
        self._tasks.append(asyncio.create_task(self._play(process, channel, self.attached[-1])))
        return Executor(process, AsyncChannel(ours, Reply))  # pyright: ignore[reportArgumentType]

    async def _play(self, process: "subprocess.Popen[bytes]", channel: AsyncChannel[Any], attached: list[str]) -> None:
        try:
            while True:
                message = await channel.receive()
                match message:
                    case Attach() if message.model in self.ends:
                        process.kill()
                        channel.shutdown()
                    case Attach() if message.model in self.refused:
                        await channel.send(Failed("ArtifactError", f"no {message.model}", "", message.number))
                    case Attach():
                        attached.append(message.model)
                        await channel.send(Attached(message.model, 0.0, message.number))
                    case Infer():
                        await channel.receive_bytes(X.size)
                        self._heard.put_nowait((message, channel))
                    case _:
                        self._heard.put_nowait((message, channel))
        except ChannelClosed:
            channel.close()


@pytest.fixture
def players(monkeypatch: pytest.MonkeyPatch) -> Iterator[Players]:
    players = Players()
    monkeypatch.setattr(Executor, "_spawn", staticmethod(players.spawn))
    yield players
    for process in players.processes:
        process.kill()
        process.communicate()


def call(model: Attach, depth: int = 1) -> Call:
    data = np.zeros(4, np.float32).view(np.uint8).data
    return Call(
        Work(Infer(model.model, "main", (X,)), [data], ()), model, asyncio.get_running_loop().time() + 60, depth
    )


@pytest.mark.parametrize("depth", [1, 3])
def test_a_call_that_is_given_up_is_cancelled_in_its_executor(players: Players, depth: int) -> None:
    """Also one that is there alone: it may be of a model in stages, tried again or with `--in-flight 1`."""

    async def test() -> None:
        worker, given_up = Worker((GOOD,), patience=60), call(GOOD, depth)
        running = asyncio.create_task(worker.run(given_up))
        infer, channel = await players.hears()
        given_up.abandon()
        cancel, _ = await players.hears()
        assert cancel == Cancel(infer.number)
        await channel.send(Failed("DeadlineExceeded", "given up", "", infer.number))
        with pytest.raises(DeadlineExceeded):
            await running
        await worker.close()

    asyncio.run(test())


async def lose(worker: Worker, players: Players) -> None:
    executor = await worker.start()
    players.processes[-1].kill()
    await executor.wait()


def test_an_executor_is_replaced_without_the_model_that_cannot_be_attached_any_more(players: Players) -> None:
    """That one is tried again by its calls; the first executor has all, or there is no pool."""

    async def test() -> None:
        worker = Worker((BAD, GOOD), patience=60)
        players.refused = {"bad"}
        with pytest.raises(ArtifactError, match="no bad"):
            await worker.start()
        players.refused = set()
        await worker.start()
        players.refused = {"bad"}
        await lose(worker, players)
        await worker.start()
        assert players.attached[-1] == ["good"]
        with pytest.raises(ArtifactError, match="no bad"):
            await worker.run(call(BAD))
        players.refused = set()
        running = asyncio.create_task(worker.run(call(BAD)))
        infer, channel = await players.hears()
        await channel.send(Result((), infer.number))
        assert await running == ()
        await worker.close()

    asyncio.run(test())


def test_a_model_that_ends_whoever_attaches_it_takes_no_other_with_it(players: Players) -> None:
    async def test() -> None:
        worker = Worker((BAD, GOOD), patience=60)
        await worker.start()
        players.ends = {"bad"}
        await lose(worker, players)
        await worker.start()
        running = asyncio.create_task(worker.run(call(GOOD)))
        infer, channel = await players.hears()
        await channel.send(Result((), infer.number))
        assert await running == ()
        with pytest.raises(ExecutorFailed, match="while it ran model 'bad', and so did the one that tried again"):
            await worker.run(call(BAD))
        await worker.close()

    asyncio.run(test())
