"""The way between the controller and one executor: messages, and behind each the bytes of its tensors.

A message is one frame of the standard library's `Connection` on a socket pair. Tensor bytes follow it unframed, because
the message gives their sizes: they are sent from where they lie and received into memory of their final size. How
tensors travel is known to this module only.
"""

import os
import socket
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Generic, TypeVar

import msgspec

In = TypeVar("In")

# Names, dtypes and shapes: a peer that sends more than this is broken or hostile.
MAX_MESSAGE = 4 * 1024 * 1024


class ChannelClosed(Exception):
    """The other side is gone, or what it sent is no message."""


class Channel(Generic[In]):
    """One end of a socket pair; blocking; one thread at a time.

    Args:
        end: a connected stream socket; the channel owns it from now on.
        incoming: the type (a union of tagged structs) of the messages that the other side may send.
    """

    def __init__(self, end: socket.socket, incoming: type[In]) -> None:
        self._socket = end
        self._frames = Connection(os.dup(end.fileno()))
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[In] = msgspec.msgpack.Decoder(incoming)

    def send(self, message: msgspec.Struct, tensors: Sequence[bytes | memoryview] = ()) -> None:
        """Send a message, then the bytes of its tensors (each a contiguous buffer of bytes).

        Raises:
            ChannelClosed: the other side is gone.
        """
        try:
            self._frames.send_bytes(self._encoder.encode(message))
            for tensor in tensors:
                self._socket.sendall(tensor)
        except OSError as error:
            raise ChannelClosed(str(error)) from error

    def receive(self) -> In:
        """Wait for the next message.

        Raises:
            ChannelClosed: the other side is gone, or what came is no message that it may send.
        """
        try:
            return self._decoder.decode(self._frames.recv_bytes(MAX_MESSAGE))
        except (OSError, EOFError, msgspec.DecodeError) as error:
            raise ChannelClosed(str(error) or "end of stream") from error

    def receive_bytes(self, size: int) -> bytes:
        """Receive one tensor of `size` bytes as a bytes object, which is what a protobuf field takes without a copy."""
        try:
            data = self._socket.recv(size, socket.MSG_WAITALL) if size else b""
        except OSError as error:
            raise ChannelClosed(str(error)) from error
        if len(data) == size:
            return data
        # A signal may have cut the call short; what is missing is received behind it.
        whole = bytearray(size)
        whole[: len(data)] = data
        self.receive_into(memoryview(whole)[len(data) :])
        return bytes(whole)

    def receive_into(self, memory: memoryview) -> None:
        """Fill `memory` (writable, bytes) with the next bytes of a tensor.

        Raises:
            ChannelClosed: the other side is gone.
        """
        while memory:
            try:
                count = self._socket.recv_into(memory)
            except OSError as error:
                raise ChannelClosed(str(error)) from error
            if not count:
                raise ChannelClosed("end of stream")
            memory = memory[count:]

    def close(self) -> None:
        """Close this end. The other side's next `receive` raises `ChannelClosed`."""
        self._frames.close()
        self._socket.close()
