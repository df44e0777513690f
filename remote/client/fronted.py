"""Calls of a generated client whose model's first stages run in this process."""

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

import grpc
import numpy as np

from infc.errors import InvalidInput

from ..oip import by_oip, keys
from .front import LocalFront
from .pointer import Front
from .tensors import Array, to_wire

# Calls of one asyncio client in its first stages at a time: a stage runs one, meanwhile another is packed or unpacked.
THREADS = 2


class Fronted:
    """Stands in a generated client before the gRPC call: takes its message with the model's inputs, sends another one
    with what the first stages make of them, and adds to the answer what outputs they compute themselves.

    Args:
        infer: the call of `ModelInfer`.
        path: the artifact with the stages, beside the client.
        digest: its manifest's.
        model: the model's name.
        methods: the generated client's methods; each has its `model` on the wire and its `outputs` by `name`.

    Raises:
        ArtifactError, RemoteError: as `LocalFront`.
    """

    def __init__(self, infer: Any, path: Path, digest: str, model: str, methods: Iterable[Any]) -> None:
        self._infer = infer
        self._part = _Part(path, digest, model, methods)
        self._part.attach()

    def with_call(self, message: Any, *, timeout: float, metadata: Any) -> tuple[Any, Any]:
        """As that of the call that it stands before; the first stages are within the `timeout`, in seconds."""
        end = monotonic() + timeout
        sent, own = self._part.run(message)
        response, call = self._infer.with_call(sent, timeout=max(end - monotonic(), 0), metadata=metadata)
        return _completed(response, own), call


class AsyncFronted:
    """As `Fronted`, for a call of grpc.aio. The event loop is free while the first stages run, and while they are
    attached, which is at the first call: both is done by at most `THREADS` threads of its own, and further calls wait.

    A call that is cancelled while it waits runs nothing; one that is cancelled in its first stages sends nothing.
    """

    def __init__(self, infer: Any, path: Path, digest: str, model: str, methods: Iterable[Any]) -> None:
        self._infer = infer
        self._part = _Part(path, digest, model, methods)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="infc-front")

    async def __call__(self, message: Any, *, timeout: float, metadata: Any) -> tuple[Any, Any]:
        """The answer and its trailing metadata. The first stages, and waiting for them, are within the `timeout`.

        Raises:
            ArtifactError, RemoteError: as `LocalFront`.
            grpc.RpcError: as the call; also where the time is over before anything is sent.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        try:
            async with asyncio.timeout_at(end):
                sent, own = await loop.run_in_executor(self._threads, self._part.run, message)
        except TimeoutError as error:
            raise grpc.aio.AioRpcError(
                grpc.StatusCode.DEADLINE_EXCEEDED,
                grpc.aio.Metadata(),
                grpc.aio.Metadata(),
                f"the model's first stages, in this process, did not end in {timeout:g} s",
            ) from error
        call = self._infer(sent, timeout=max(end - loop.time(), 0), metadata=metadata)
        response, trailing = await call, await call.trailing_metadata()
        return _completed(response, own), trailing

    def close(self) -> None:
        """Start nothing any more; what runs ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Part:
    """The first stages, between messages. Safe to share between threads."""

    def __init__(self, path: Path, digest: str, model: str, methods: Iterable[Any]) -> None:
        self._front = Front(path, digest)
        self._model = model
        self._outputs = {method.model: {spec.name for spec in method.outputs} for method in methods}
        self._attaching = Lock()
        self._attached: LocalFront | None = None

    def attach(self) -> LocalFront:
        """The stages, loaded at the first call of this. Raises as `LocalFront`."""
        with self._attaching:
            if self._attached is None:
                self._attached = LocalFront(self._front, model=self._model)
            return self._attached

    def run(self, message: Any) -> tuple[Any, dict[str, tuple[str, Array]]]:
        """The message for the pool, and the outputs that are computed here, with their types, by name."""
        front = self.attach()
        method = message.model_name.partition(keys.METHOD_MARK)[2] or None
        raw = message.raw_input_contents
        given = {entry.name: _array(entry, data) for entry, data in zip(message.inputs, raw, strict=True)}
        values = front.run(given, method)
        sent, own = type(message)(model_name=message.model_name), dict[str, tuple[str, Array]]()
        for tensor in front.gives(method):
            value = values[tensor.name]
            if tensor.name in self._outputs[message.model_name]:
                own[tensor.name] = tensor.dtype.oip, value
                continue
            sent.raw_input_contents.append(to_wire(tensor, value, model=message.model_name))
            sent.inputs.add(name=tensor.name, datatype=tensor.dtype.oip, shape=value.shape)
        return sent, own


def _completed(response: Any, own: dict[str, tuple[str, Array]]) -> Any:
    for name, (datatype, value) in own.items():
        response.outputs.add(name=name, datatype=datatype, shape=value.shape)
        response.raw_output_contents.append(value.tobytes())
    return response


def _array(entry: Any, data: bytes) -> Array:
    dtype = by_oip(entry.datatype)
    if dtype is None:
        raise InvalidInput(
            f"input {entry.name!r} is of type {entry.datatype!r}", hint="infc takes numbers and booleans"
        )
    return np.frombuffer(data, dtype.numpy).reshape(tuple(entry.shape))
