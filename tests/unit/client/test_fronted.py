"""The first stages of a generated asyncio client: beside the event loop, within the call's time, bounded."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event, Lock, Semaphore
from types import SimpleNamespace
from typing import Any

import grpc
import numpy as np
import pytest

from infc.remote.client import fronted
from infc.remote.client.fronted import THREADS, AsyncFronted
from infc.remote.client.tensors import Array, Tensor
from infc.remote.oip import by_name, messages

from support.pool import PATIENCE

F32 = by_name("f32")
assert F32 is not None
X, H, NORM = Tensor("x", F32, (2,)), Tensor("front_0", F32, (2,)), Tensor("norm", F32, ())
METHODS = [SimpleNamespace(model="m", outputs=[SimpleNamespace(name="norm"), SimpleNamespace(name="y")])]
Stages = Callable[[Array], Array]


class Aio:
    """A call of grpc.aio, of a pool that answers `y = h + 1`."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def __call__(self, message: Any, *, timeout: float, metadata: Any) -> "Aio":
        self.sent.append(message)
        return self

    def __await__(self) -> Any:
        yield from asyncio.sleep(0).__await__()
        response = messages().ModelInferResponse(model_name="m")
        value = np.frombuffer(self.sent[-1].raw_input_contents[0], "<f4") + 1
        response.outputs.add(name="y", datatype="FP32", shape=value.shape)
        response.raw_output_contents.append(value.tobytes())
        return response

    async def trailing_metadata(self) -> list[tuple[str, str]]:
        return [("key", "value")]


def client(monkeypatch: pytest.MonkeyPatch, stages: Stages) -> tuple[AsyncFronted, Aio]:
    """A client whose first stages are a function of x; they give the norm themselves."""

    def run(inputs: Mapping[str, Array], method: str | None) -> dict[str, Array]:
        return {"front_0": stages(inputs["x"]), "norm": np.asarray(np.linalg.norm(inputs["x"]))}

    front = SimpleNamespace(run=run, gives=lambda method: (H, NORM))
    monkeypatch.setattr(fronted, "LocalFront", lambda front_of, model: front)
    aio = Aio()
    return AsyncFronted(aio, Path("front.infc"), "sha256:0", "m", METHODS), aio


def question(x: Array) -> Any:
    message = messages().ModelInferRequest(model_name="m")
    message.inputs.add(name="x", datatype="FP32", shape=x.shape)
    message.raw_input_contents.append(x.tobytes())
    return message


async def ask(model: AsyncFronted, timeout: float = PATIENCE) -> tuple[Any, Any]:
    return await model(question(np.array([3, 4], np.float32)), timeout=timeout, metadata=())


async def reached(event: Event) -> None:
    """Waits in a thread of its own for what happens in another."""
    assert await asyncio.to_thread(event.wait, PATIENCE)


def test_it_sends_what_the_stages_give_and_adds_what_they_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    model, aio = client(monkeypatch, lambda x: np.add(x, x))
    response, metadata = asyncio.run(ask(model))
    assert [each.name for each in aio.sent[0].inputs] == ["front_0"]
    answered = zip(response.outputs, response.raw_output_contents, strict=True)
    found = {each.name: np.frombuffer(raw, "<f4").tolist() for each, raw in answered}
    assert found == {"y": [7, 9], "norm": [5]}
    assert metadata == [("key", "value")]


def test_the_loop_is_free_while_the_stages_run(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, fired = Event(), Event()

    def stages(x: Array) -> Array:
        inside.set()
        assert fired.wait(PATIENCE), "nothing ran on the event loop"
        return x

    async def main() -> None:
        model, _ = client(monkeypatch, stages)
        call = asyncio.ensure_future(ask(model))
        await reached(inside)
        asyncio.get_running_loop().call_soon(fired.set)
        await call

    asyncio.run(main())


def test_no_more_calls_are_in_the_stages_than_there_are_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    lock, full, go = Lock(), Event(), Semaphore(0)
    running, most = 0, 0

    def stages(x: Array) -> Array:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if running == THREADS:
                full.set()
        assert go.acquire(timeout=PATIENCE)
        with lock:
            running -= 1
        return x

    async def main() -> None:
        model, aio = client(monkeypatch, stages)
        calls = [asyncio.ensure_future(ask(model)) for _ in range(3 * THREADS)]
        await reached(full)
        calls[-1].cancel()
        go.release(3 * THREADS)
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(answers[-1], asyncio.CancelledError)
        assert len(aio.sent) == 3 * THREADS - 1

    asyncio.run(main())
    assert most == THREADS


def test_a_call_that_is_cancelled_in_its_stages_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, go = Event(), Event()

    def stages(x: Array) -> Array:
        inside.set()
        assert go.wait(PATIENCE)
        return x

    async def main() -> None:
        model, aio = client(monkeypatch, stages)
        call = asyncio.ensure_future(ask(model))
        await reached(inside)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        go.set()
        await ask(model)
        assert len(aio.sent) == 1
        model.close()

    asyncio.run(main())


def test_the_stages_are_within_the_call_s_time(monkeypatch: pytest.MonkeyPatch) -> None:
    go = Event()

    def stages(x: Array) -> Array:
        assert go.wait(PATIENCE)
        return x

    async def main() -> None:
        model, aio = client(monkeypatch, stages)
        with pytest.raises(grpc.RpcError, match=r"did not end in 0\.01 s") as caught:
            await ask(model, timeout=0.01)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        go.set()
        assert not aio.sent

    asyncio.run(main())


def test_what_the_stages_raise_is_the_caller_s(monkeypatch: pytest.MonkeyPatch) -> None:
    def stages(x: Array) -> Array:
        raise ZeroDivisionError

    model, aio = client(monkeypatch, stages)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(ask(model))
    assert not aio.sent
