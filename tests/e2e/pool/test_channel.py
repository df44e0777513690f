"""The channel, and a peer that breaks its rules: the controller believes nothing that an executor sends."""

import asyncio
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from infc.remote.pool.channel import AsyncChannel, BlockingChannel, ChannelClosed
from infc.remote.pool.messages import Attached, Failed, Infer, Reply, Request, Result, Tensor
from infc.remote.pool.supervisor import Executor, ExecutorDied, Work

TENSORS = (Tensor("a", "u8", (3,)), Tensor("b", "u8", (5 << 20,)), Tensor("c", "f32", (0,)))
DATA = (b"abc", bytes(range(256)) * (5 << 12), b"")


def ask(peer: Callable[[socket.socket], object], controller: Callable[[AsyncChannel[Any]], Awaitable[Any]]) -> Any:
    """Run the controller's side of a conversation with a peer on a thread."""
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=peer, args=(theirs,))
    thread.start()

    async def run() -> Any:
        channel: AsyncChannel[Any] = AsyncChannel(ours, Reply)  # pyright: ignore[reportArgumentType]
        try:
            return await controller(channel)
        finally:
            channel.close()

    try:
        return asyncio.run(run())
    finally:
        thread.join()


def frame(body: bytes) -> bytes:
    return struct.pack("<I", len(body)) + body


def test_messages_and_tensors_arrive_as_they_were_sent() -> None:
    def echo(end: socket.socket) -> None:
        channel: BlockingChannel[Any] = BlockingChannel(end, Request)  # pyright: ignore[reportArgumentType]
        message = channel.receive()
        memory = [bytearray(tensor.size) for tensor in message.tensors]
        for part in memory:
            channel.receive_into(memoryview(part))
        channel.send(Result(message.tensors), [memoryview(part) for part in memory])
        end.close()

    async def controller(channel: AsyncChannel[Any]) -> tuple[Any, list[bytes]]:
        await channel.send(Infer("m", "main", TENSORS), [memoryview(part) for part in DATA])
        reply = await channel.receive()
        return reply, [await channel.receive_bytes(tensor.size) for tensor in reply.tensors]

    reply, data = ask(echo, controller)
    assert reply == Result(TENSORS)
    assert tuple(data) == DATA


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x01", id="half a length"),
        pytest.param(struct.pack("<I", 100) + b"short", id="half a message"),
        pytest.param(frame(b""), id="an empty message"),
        pytest.param(frame(b"\xc1\xc1\xc1"), id="no msgpack"),
        pytest.param(frame(b"\x80\x04\x95"), id="a pickle"),
        pytest.param(frame(b"\x91" * 100_000), id="deep nesting"),
        pytest.param(frame(msgspec.msgpack.encode({"type": "Exit"})), id="an unknown message"),
        pytest.param(
            frame(msgspec.msgpack.encode({"type": "Attached", "model": 1, "seconds": 0.0})), id="a wrong type"
        ),
        pytest.param(
            frame(msgspec.msgpack.encode({"type": "Failed", "error": "E", "message": "m", "hint": "", "x": 1})),
            id="an unknown field",
        ),
        pytest.param(frame(msgspec.msgpack.encode(Infer("m", "main", ()))), id="a message of the other direction"),
    ],
)
def test_what_is_no_message_closes_the_channel(sent: bytes) -> None:
    def peer(end: socket.socket) -> None:
        end.sendall(sent)
        end.close()

    with pytest.raises(ChannelClosed):
        ask(peer, lambda channel: channel.receive())


def test_no_memory_is_taken_for_an_endless_message() -> None:
    def peer(end: socket.socket) -> None:
        end.sendall(struct.pack("<I", 0xFFFFFFFF))
        end.close()

    with pytest.raises(ChannelClosed, match="a message of 4294967295 bytes"):
        ask(peer, lambda channel: channel.receive())


def test_a_tensor_that_ends_early_closes_the_channel() -> None:
    def peer(end: socket.socket) -> None:
        end.sendall(b"ab")
        end.close()

    with pytest.raises(ChannelClosed):
        ask(peer, lambda channel: channel.receive_bytes(3))


def test_a_peer_that_is_gone_is_noticed_when_sending() -> None:
    with pytest.raises(ChannelClosed):
        ask(lambda end: end.close(), lambda channel: channel.send(Failed("E", "m", ""), [memoryview(bytes(8 << 20))]))


@pytest.mark.parametrize("tensor", [Tensor("a", "f32", (-1, 2)), Tensor("a", "f33", (2,))])
def test_tensors_without_a_size(tensor: Tensor) -> None:
    with pytest.raises(ValueError, match="no such tensor"):
        _ = tensor.size


CLAIMS = [Result((Tensor("a", "u8", (1 << 50,)),)), Result((Tensor("b", "u8", (3,)),)), Result(()), Attached("m", 0.0)]


@pytest.mark.parametrize("claim", CLAIMS, ids=["huge", "another name", "nothing", "another message"])
def test_an_answer_that_the_interface_does_not_promise_is_refused(claim: msgspec.Struct) -> None:
    def peer(end: socket.socket) -> None:
        channel: BlockingChannel[Any] = BlockingChannel(end, Request)  # pyright: ignore[reportArgumentType]
        channel.receive()
        channel.send(claim)
        end.close()

    async def controller(channel: AsyncChannel[Any]) -> None:
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        executor = Executor(process, channel)
        try:
            begun = await executor.begin(Work(Infer("m", "main", ()), (), (Tensor("a", "u8", (3,)),)))
            await begun.answer
        finally:
            await executor.end()

    with pytest.raises(ExecutorDied, match="expected"):
        ask(peer, controller)
