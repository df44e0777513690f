"""The way between the controller and one executor: messages, and behind each the bytes of its tensors.

On a socket pair: the length of a message, the message, then the elements of its tensors, unframed, because the message
gives their sizes. They are sent from where they lie and received into memory of their final size. How tensors travel
is known to this module only. The executor's end blocks; the controller's belongs to an event loop.
"""

import asyncio
import io
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from typing import Generic, TypeVar

import msgspec

In = TypeVar("In")

_LENGTH = struct.Struct("<I")

# Names, dtypes and shapes: a peer that sends more than this is broken or hostile.
_MAX_MESSAGE = 4 << 20

# Copying less than this is cheaper than another system call.
_JOIN = 64 << 10


class ChannelClosed(Exception):
    """The other side is gone, or what it sent is no message."""


class BlockingChannel(Generic[In]):
    """The executor's end.

    Args:
        end: a connected stream socket; the channel owns it from now on.
        incoming: the type (a union of tagged structs) of the messages that the other side may send.
    """

    def __init__(self, end: socket.socket, incoming: type[In]) -> None:
        self._socket = end
        self._reader = io.BufferedReader(end.makefile("rb", buffering=0), _JOIN)
        self._decoder: msgspec.msgpack.Decoder[In] = msgspec.msgpack.Decoder(incoming)

    def send(self, message: msgspec.Struct, tensors: Sequence[memoryview] = ()) -> None:
        """Send a message and the bytes of its tensors.

        Raises:
            ChannelClosed: the other side is gone.
        """
        try:
            for piece in _pieces(message, tensors):
                self._socket.sendall(piece)
        except OSError as error:
            raise ChannelClosed(str(error)) from error

    def receive(self) -> In:
        """Wait for the next message.

        Raises:
            ChannelClosed: the other side is gone, or what came is no message that it may send.
        """
        header = bytearray(_LENGTH.size)
        self.receive_into(memoryview(header))
        body = bytearray(_length(header))
        self.receive_into(memoryview(body))
        return _decode(self._decoder, body)

    def receive_into(self, memory: memoryview) -> None:
        """Fill `memory` (writable bytes) with the next bytes of a tensor.

        Raises:
            ChannelClosed: the other side is gone.
        """
        try:
            count = self._reader.readinto(memory)
        except OSError as error:
            raise ChannelClosed(str(error)) from error
        if count != len(memory):
            raise ChannelClosed("end of stream")


class AsyncChannel(Generic[In]):
    """The controller's end; one coroutine at a time sends, and one receives. Arguments as above."""

    def __init__(self, end: socket.socket, incoming: type[In]) -> None:
        end.setblocking(False)
        self._socket = end
        self._decoder: msgspec.msgpack.Decoder[In] = msgspec.msgpack.Decoder(incoming)
        # Fresh pages cost more than the copy out of used ones.
        self._memory = bytearray(_JOIN)

    async def send(self, message: msgspec.Struct, tensors: Sequence[memoryview] = ()) -> None:
        """Send a message and the bytes of its tensors.

        Raises:
            ChannelClosed: the other side is gone.
        """
        loop = asyncio.get_running_loop()
        try:
            for piece in _pieces(message, tensors):
                await loop.sock_sendall(self._socket, piece)
        except OSError as error:
            raise ChannelClosed(str(error)) from error

    async def receive(self) -> In:
        """Wait for the next message.

        Raises:
            ChannelClosed: the other side is gone, or what came is no message that it may send.
        """
        length = _length(await self._receive(_LENGTH.size))
        return _decode(self._decoder, await self._receive(length))

    async def receive_bytes(self, size: int) -> bytes:
        """The next `size` bytes of tensors, as what protobuf takes.

        Raises:
            ChannelClosed: the other side is gone.
        """
        return bytes(await self._receive(size))

    def shutdown(self) -> None:
        """Wake up a coroutine that waits for the other side: it raises `ChannelClosed`."""
        with suppress(OSError):  # the other side was faster, or this end is closed
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close this end; no coroutine may be waiting on it."""
        self._socket.close()

    async def _receive(self, size: int) -> memoryview:
        """The next bytes, valid until the next call."""
        if size > len(self._memory):
            self._memory = bytearray(size)
        whole = rest = memoryview(self._memory)[:size]
        loop = asyncio.get_running_loop()
        while rest:
            try:
                count = await loop.sock_recv_into(self._socket, rest)
            except OSError as error:
                raise ChannelClosed(str(error)) from error
            if not count:
                raise ChannelClosed("end of stream")
            rest = rest[count:]
        return whole


def _pieces(message: msgspec.Struct, tensors: Sequence[memoryview]) -> list[bytes | memoryview]:
    body = msgspec.msgpack.encode(message)
    pieces = [_LENGTH.pack(len(body)), body, *tensors]
    if sum(map(len, pieces)) <= _JOIN:
        return [b"".join(pieces)]
    return pieces


def _length(header: bytearray | memoryview) -> int:
    (length,) = _LENGTH.unpack(header)
    if length > _MAX_MESSAGE:
        raise ChannelClosed(f"a message of {length} bytes")
    return length


def _decode(decoder: "msgspec.msgpack.Decoder[In]", body: bytearray | memoryview) -> In:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ChannelClosed(f"no message: {error}") from error
