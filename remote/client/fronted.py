"""Calls of a generated client whose model's first stages run in this process."""

from pathlib import Path
from typing import Any

import numpy as np

from infc.errors import InvalidInput

from ..oip import by_oip, keys
from .front import LocalFront
from .pointer import Front
from .tensors import Array, to_wire


class Fronted:
    """Stands in a generated client before the gRPC call: takes its message with the model's inputs, and sends another
    one with what the first stages make of them.

    Args:
        infer: the call of `ModelInfer`, of grpc or grpc.aio; with the latter the stages run on the event loop's thread.
        path: the artifact with the stages, beside the client.
        digest: its manifest's.
        model: the model's name.

    Raises:
        ArtifactError, RemoteError: as `LocalFront`.
    """

    def __init__(self, infer: Any, path: Path, digest: str, model: str) -> None:
        self._infer = infer
        self._front = LocalFront(Front(path, digest), model=model)

    def __call__(self, message: Any, **options: Any) -> Any:
        """As the call that it stands before."""
        return self._infer(self._values(message), **options)

    def with_call(self, message: Any, **options: Any) -> Any:
        """As that of the call that it stands before."""
        return self._infer.with_call(self._values(message), **options)

    def _values(self, message: Any) -> Any:
        method = message.model_name.partition(keys.METHOD_MARK)[2] or None
        raw = message.raw_input_contents
        given = {entry.name: _array(entry, data) for entry, data in zip(message.inputs, raw, strict=True)}
        values = self._front.run(given, method)
        sent = type(message)(model_name=message.model_name)
        for tensor in self._front.gives(method):
            value = values[tensor.name]
            sent.raw_input_contents.append(to_wire(tensor, value, model=message.model_name))
            sent.inputs.add(name=tensor.name, datatype=tensor.dtype.oip, shape=value.shape)
        return sent


def _array(entry: Any, data: bytes) -> Array:
    dtype = by_oip(entry.datatype)
    if dtype is None:
        raise InvalidInput(
            f"input {entry.name!r} is of type {entry.datatype!r}", hint="infc takes numbers and booleans"
        )
    return np.frombuffer(data, dtype.numpy).reshape(tuple(entry.shape))
